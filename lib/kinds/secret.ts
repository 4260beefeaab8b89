import { invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { checkImmutable, checkKeys, checkTotal, decodedBytes } from './checks/keyed-data.ts';
import { unchanged } from './checks/metadata.ts';
import { ageColumn, integer, nameColumn, text } from './columns.ts';
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
      (object.data ??= {})[key] = encodeBase64(value);
    }
    delete object.stringData;
  },
  check: (object, before) => {
    const { data = {} } = object;
    const sizeBytes = Object.values(data).reduce((sum, value) => sum + decodedBytes(value), 0);
    return [
      ...checkKeys('data', data),
      ...checkTotal('data', sizeBytes),
      ...checkType(object),
      ...(before ? unchanged('type', object.type, before.type) : []),
      ...(before ? checkImmutable({ ...object }, { ...before }, ['data']) : []),
    ];
  },
  columns: [
    nameColumn,
    text('Type', ({ type }) => type ?? ''),
    integer('Data', ({ data }) => Object.keys(data ?? {}).length),
    ageColumn,
  ],
  fields: { type: ({ type }) => type ?? '' },
});

/** Keys that a secret of some type must have. */
const requiredKeys: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
};

function checkType({ metadata, type = '', data = {} }: Secret): FieldError[] {
  const faults = (requiredKeys[type] ?? [])
    .filter((key) => data[key] === undefined)
    .map((key) => required(`data[${key}]`));
  if (type === 'kubernetes.io/service-account-token' && !metadata.annotations?.['kubernetes.io/service-account.name']) {
    faults.push(required('metadata.annotations[kubernetes.io/service-account.name]'));
  }
  if (type === 'kubernetes.io/basic-auth' && data['username'] === undefined && data['password'] === undefined) {
    faults.push(required('data[username]'), required('data[password]'));
  }
  for (const key of ['.dockercfg', '.dockerconfigjson']) {
    const value = data[key];
    if (type !== `kubernetes.io/${key.slice(1)}` || value === undefined || isJson(value)) continue;
    faults.push(invalid(`data[${key}]`, '<secret contents redacted>', 'invalid character in a JSON document'));
  }
  return faults;
}

function isJson(base64: string): boolean {
  try {
    JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(base64)));
    return true;
  } catch {
    return false;
  }
}

function encodeBase64(text: string): string {
  return new TextEncoder().encode(text).toBase64();
}
