/** The configuration of encryption at rest: apiserver.config.k8s.io/v1 EncryptionConfiguration, with upstream's rules and words. */
import { fieldForbidden, invalid, required } from '#lib/meta/errors.ts';
import type { FieldError } from '#lib/meta/errors.ts';
import { readConfigFile } from '../../config-file.ts';

export interface EncryptionRule {
  /** `secrets`, `deployments.apps`, `*.apps`, `*.` for the core group, `*.*`. */
  resources: readonly string[];
  /** The first writes, all read. */
  providers: readonly Provider[];
}

export type Provider = { type: 'identity' } | { type: 'aesgcm' | 'aescbc'; keys: { name: string; secret: Buffer }[] };

interface RawProvider {
  [type: string]: { keys?: { name?: string; secret?: string }[] | null } | null | undefined;
}

interface RawRule {
  resources?: string[] | null;
  providers?: RawProvider[] | null;
}

const keys = { keys: [{ name: 'string', secret: 'string' }] } as const;
const kms = {
  apiVersion: 'string',
  name: 'string',
  endpoint: 'string',
  cachesize: 'string',
  timeout: 'string',
} as const;
const kind = {
  apiVersion: 'apiserver.config.k8s.io/v1',
  kind: 'EncryptionConfiguration',
  fields: {
    resources: [
      { resources: ['string'], providers: [{ aesgcm: keys, aescbc: keys, secretbox: keys, identity: {}, kms }] },
    ],
  },
} as const;

const aesKeyBytes = [16, 24, 32];

/** Reads the text of such a file; the first rule that names a resource is the one for it. Throws an Error with every fault, and no secret. */
export function readEncryptionConfig(text: string): EncryptionRule[] {
  const { resources } = readConfigFile(text, kind) as { resources?: RawRule[] | null };
  const rules = resources ?? [];
  const faults = [
    ...(rules.length === 0 ? [required('resources', 'at least one resources is required')] : []),
    ...rules.flatMap((rule, i) => ruleFaults(rule, `resources[${i}]`)),
  ];
  if (faults.length > 0)
    throw new Error(
      `Cannot read the ${kind.kind}: ${faults.map(({ field, message }) => `${field}: ${message}`).join('; ')}`,
    );
  return rules.map(({ resources, providers }) => ({
    resources: resources!,
    providers: providers!.map(providerOf),
  }));
}

function providerOf(raw: RawProvider): Provider {
  const [type, settings] = Object.entries(raw).find(([, settings]) => settings != null)!;
  if (type === 'identity') return { type };
  return {
    type: type as 'aesgcm' | 'aescbc',
    keys: settings!.keys!.map(({ name, secret }) => ({ name: name!, secret: Buffer.from(secret!, 'base64') })),
  };
}

function ruleFaults({ resources, providers }: RawRule, path: string): FieldError[] {
  const field = `${path}.resources`;
  const names = resources ?? [];
  const ofProviders = `${path}.providers`;
  return [
    ...(names.length === 0 ? [required(field, `at least one ${field} is required`)] : []),
    ...overlapFaults(names, field),
    ...names.flatMap((name, i) => nameFaults(name, `${field}[${i}]`)),
    ...(providers?.length ? [] : [required(ofProviders, `at least one ${ofProviders} is required`)]),
    ...(providers ?? []).flatMap((provider, i) => providerFaults(provider, `${ofProviders}[${i}]`)),
  ];
}

function overlapFaults(names: readonly string[], field: string): FieldError[] {
  const parsed = names.map(splitResource);
  const isMasked = ({ group, resource }: { group: string; resource: string }, i: number) =>
    parsed.some(
      (other, k) =>
        i !== k &&
        (other.group !== group || other.resource !== resource) &&
        ((other.group === '*' && other.resource === '*') ||
          (other.group === group && other.resource === '*') ||
          (group === '*' && resource === '*')),
    );
  const faults: FieldError[] = [];
  if (new Set(names).size < names.length)
    faults.push(invalid(field, names, 'the same resource cannot be specified multiple times'));
  if (parsed.some(isMasked)) {
    faults.push(
      invalid(
        field,
        names,
        "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked",
      ),
    );
  }
  return faults;
}

const notByRest = new Set(['apiserveripinfo', 'serviceipallocations', 'servicenodeportallocations']);

function nameFaults(name: string, field: string): FieldError[] {
  const { group, resource } = splitResource(name);
  const because =
    name !== name.toLowerCase()
      ? 'resource name should not contain capital letters'
      : name === '*'
        ? "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources"
        : notByRest.has(name)
          ? 'resources which do not have REST API/s cannot be encrypted'
          : group === 'events.k8s.io'
            ? "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file"
            : group === 'extensions'
              ? "'extensions' group has been removed and cannot be used for encryption"
              : group === '*' && resource !== '*'
                ? 'encrypting the same resource across groups is not supported'
                : undefined;
  return because === undefined ? [] : [invalid(field, name, because)];
}

function providerFaults(raw: RawProvider, path: string): FieldError[] {
  const given = Object.entries(raw).filter(([, settings]) => settings != null);
  if (given.length !== 1) {
    const because =
      given.length === 0
        ? 'provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity'
        : 'more than one provider specified in a single element, should split into different list elements';
    return [
      invalid(
        path,
        given.map(([type]) => type),
        because,
      ),
    ];
  }
  const [type, settings] = given[0]!;
  const field = `${path}.${type}`;
  if (type === 'identity') return [];
  if (type === 'kms') return [fieldForbidden(field, 'this server has no key management services: use aesgcm')];
  if (type === 'secretbox') return [fieldForbidden(field, 'this server has no XSalsa20 and Poly1305: use aesgcm')];
  const keys = settings!.keys ?? [];
  if (keys.length === 0) return [required(`${field}.keys`, 'at least one keys is required')];
  return keys.flatMap((key, i) => keyFaults(key, `${field}.keys[${i}]`));
}

function keyFaults({ name, secret }: { name?: string; secret?: string }, field: string): FieldError[] {
  const faults: FieldError[] = [];
  if (!name) faults.push(required(`${field}.name`, 'name is a mandatory field for a key'));
  if (!secret) return [...faults, required(`${field}.secret`, 'secret is a mandatory field for a key')];
  const bytes = decodedLength(secret);
  if (bytes === undefined) {
    faults.push(invalid(`${field}.secret`, 'REDACTED', 'secrets must be base64 encoded'));
  } else if (!aesKeyBytes.includes(bytes)) {
    const because = `secret is not of the expected length, got ${bytes}, expected one of [${aesKeyBytes.join(' ')}]`;
    faults.push(invalid(`${field}.secret`, 'REDACTED', because));
  }
  return faults;
}

/** Undefined for what is not base64 with its padding. */
function decodedLength(text: string): number | undefined {
  try {
    return Uint8Array.fromBase64(text, { lastChunkHandling: 'strict' }).length;
  } catch {
    return undefined;
  }
}

/** A resource's name as `resource.group`. */
export function splitResource(name: string): { resource: string; group: string } {
  const dot = name.indexOf('.');
  return dot < 0 ? { resource: name, group: '' } : { resource: name.slice(0, dot), group: name.slice(dot + 1) };
}
