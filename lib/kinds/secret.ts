import { invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { jsonFault } from '#lib/meta/json-fault.ts';
import { put } from '#lib/meta/json-map.ts';
import { checkImmutable, checkKeys, checkTotal, decodedBytes } from './checks/keyed-data.ts';
import { unchanged } from './checks/metadata.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { Secret } from './gen/core-v1.ts';

export const secret = defineKind<Secret>({
  group: '',
  version: 'v1',
  kind: 'Secret',
  description: 'Data that is secret, for pods to read as files or environment.',
  plural: 'secrets',
  namespaced: true,
  schema: 'io.k8s.api.core.v1.Secret',
  defaults: (object) => {
    object.type ||= 'Opaque';
    // What is written as text is read as bytes.
    for (const [key, value] of Object.entries(object.stringData ?? {})) {
      put((object.data ??= {}), key, encodeBase64(value));
    }
    delete object.stringData;
  },
  check: (object, before) => {
    const { data = {} } = object;
    const sizeBytes = Object.values(data).reduce((sum, value) => sum + decodedBytes(value), 0);
    return [
      ...(before ? unchanged('type', object.type, before.type) : []),
      ...(before ? checkImmutable({ ...object }, { ...before }, ['data']) : []),
      ...checkKeys('data', data),
      ...checkTotal('data', sizeBytes),
      ...checkType(object),
    ];
  },
  warnings: tlsWarnings,
  columns: [
    nameColumn,
    text('Type', ({ type }) => type ?? ''),
    text('Data', ({ data }) => Object.keys(data ?? {}).length),
    ageColumn,
  ],
  fields: { type: ({ type }) => type ?? '' },
});

/** What a secret of each type must have. */
function checkType({ metadata, type = '', data = {} }: Secret): FieldError[] {
  const missing = (...keys: string[]) =>
    keys.filter((key) => !Object.hasOwn(data, key)).map((key) => required(`data[${key}]`));
  switch (type) {
    case 'kubernetes.io/service-account-token': {
      const key = 'kubernetes.io/service-account.name';
      return metadata.annotations?.[key] ? [] : [required(`metadata.annotations[${key}]`)];
    }
    case 'kubernetes.io/dockercfg':
      return checkJson(data, '.dockercfg');
    case 'kubernetes.io/dockerconfigjson':
      return checkJson(data, '.dockerconfigjson');
    case 'kubernetes.io/basic-auth': {
      const faults = missing('username', 'password');
      return faults.length === 2 ? faults : [];
    }
    case 'kubernetes.io/ssh-auth':
      return data['ssh-privatekey'] ? [] : [required('data[ssh-privatekey]')];
    case 'kubernetes.io/tls':
      return missing('tls.crt', 'tls.key');
    default:
      return [];
  }
}

/** A JSON object or null; what is wrong is told without the contents. */
function checkJson(data: Readonly<Record<string, string>>, key: string): FieldError[] {
  const at = `data[${key}]`;
  const base64 = data[key];
  if (base64 === undefined) return [required(at)];
  const text = new TextDecoder().decode(Uint8Array.fromBase64(base64));
  const fault = jsonFault(text) ?? typeFault(JSON.parse(text));
  return fault === undefined ? [] : [invalid(at, '<secret contents redacted>', fault)];
}

/** What Go's TLS says of a pair that is not one. */
function tlsWarnings({ type, data = {} }: Secret): string[] {
  if (type !== 'kubernetes.io/tls') return [];
  const hasPem = (key: string) =>
    new TextDecoder().decode(Uint8Array.fromBase64(data[key] ?? '')).includes('-----BEGIN ');
  if (!hasPem('tls.crt')) return ['tls: failed to find any PEM data in certificate input'];
  return hasPem('tls.key') ? [] : ['tls: failed to find any PEM data in key input'];
}

function typeFault(value: unknown): string | undefined {
  if (value === null || (typeof value === 'object' && !Array.isArray(value))) return undefined;
  const type = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  return `json: cannot unmarshal ${type} into Go value of type map[string]interface {}`;
}

function encodeBase64(text: string): string {
  return new TextEncoder().encode(text).toBase64();
}
