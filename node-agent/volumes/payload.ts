/** The files of a volume that shows API objects: pure computation, told apart from writing them. */
import type {
  ClusterTrustBundleProjection,
  ConfigMap,
  DownwardAPIVolumeFile,
  KeyToPath,
  Pod,
  ProjectedVolumeSource,
  Secret,
  ServiceAccountTokenProjection,
  Volume,
} from '#lib/kinds/gen/core-v1.ts';
import { fieldText, resourceText } from '../lifecycle/downward.ts';
import type { NodeFacts } from '../lifecycle/downward.ts';

export interface PayloadFile {
  data: Uint8Array;
  mode: number;
  /** Owner other than root. */
  owner?: number;
}

/** Path below the volume's root -> file. */
export type Payload = ReadonlyMap<string, PayloadFile>;

/** A token the volume asks for, named so that it can be fetched before the payload is computed. */
export interface TokenWish {
  audience: string;
  expirationSeconds: number;
}

/** What the payload is made of, all at hand. */
export interface PayloadSources {
  configMap(name: string): ConfigMap | undefined;
  secret(name: string): Secret | undefined;
  token(wish: TokenWish): string;
  facts: NodeFacts;
}

const defaultMode = 0o644;
const defaultExpirationSeconds = 3600;

/** Whether a volume's files come from the API; containers may only read those. */
export function showsObjects(volume: Volume): boolean {
  return (volume.configMap ?? volume.secret ?? volume.downwardAPI ?? volume.projected) !== undefined;
}

/** The ConfigMaps, Secrets and tokens a volume shows. */
export function needsOf(volume: Volume): { configMaps: string[]; secrets: string[]; tokens: TokenWish[] } {
  const configMaps = volume.configMap?.name === undefined ? [] : [volume.configMap.name];
  const secrets = volume.secret?.secretName === undefined ? [] : [volume.secret.secretName];
  const tokens: TokenWish[] = [];
  for (const source of volume.projected?.sources ?? []) {
    if (source.configMap?.name !== undefined) configMaps.push(source.configMap.name);
    if (source.secret?.name !== undefined) secrets.push(source.secret.name);
    if (source.serviceAccountToken) tokens.push(tokenWish(source.serviceAccountToken));
  }
  return { configMaps, secrets, tokens };
}

function tokenWish({
  audience = '',
  expirationSeconds = defaultExpirationSeconds,
}: ServiceAccountTokenProjection): TokenWish {
  return { audience, expirationSeconds };
}

/** The files of a configMap, secret, downwardAPI or projected volume. Throws an Error with upstream's sentence when something is missing. */
export function payloadOf(pod: Pod, volume: Volume, sources: PayloadSources): Payload {
  if (volume.configMap) {
    const { name = '', items, defaultMode: mode = defaultMode, optional } = volume.configMap;
    return fromConfigMap(name, items, mode, optional, sources);
  }
  if (volume.secret) {
    const { secretName = '', items, defaultMode: mode = defaultMode, optional } = volume.secret;
    return fromSecret(secretName, items, mode, optional, sources);
  }
  if (volume.downwardAPI) {
    const { items, defaultMode: mode = defaultMode } = volume.downwardAPI;
    return fromDownward(pod, items, mode, sources);
  }
  return fromProjected(pod, volume.projected ?? {}, sources);
}

function fromProjected(pod: Pod, projected: ProjectedVolumeSource, sources: PayloadSources): Payload {
  const mode = projected.defaultMode ?? defaultMode;
  const all = new Map<string, PayloadFile>();
  for (const source of projected.sources ?? []) {
    const { configMap, secret, downwardAPI, serviceAccountToken: token } = source;
    if (configMap) merge(all, fromConfigMap(configMap.name ?? '', configMap.items, mode, configMap.optional, sources));
    if (secret) merge(all, fromSecret(secret.name ?? '', secret.items, mode, secret.optional, sources));
    if (downwardAPI) merge(all, fromDownward(pod, downwardAPI.items, mode, sources));
    if (token) merge(all, new Map([[checked(token.path), ownFile(pod, sources.token(tokenWish(token)), mode)]]));
    if (source.clusterTrustBundle) merge(all, fromTrustBundle(pod, source.clusterTrustBundle, mode));
  }
  return all;
}

/** The API has no trust bundles, as upstream's has none by default: who can do without gets what no bundles come to, an empty file. */
function fromTrustBundle(
  pod: Pod,
  { name, signerName = '', optional, path }: ClusterTrustBundleProjection,
  mode: number,
): Payload {
  if (!optional) {
    const wanted = name === undefined ? `of signer ${JSON.stringify(signerName)}` : JSON.stringify(name);
    throw new Error(`clustertrustbundle ${wanted} not found: this cluster has no API for ClusterTrustBundles`);
  }
  return new Map([[checked(path), ownFile(pod, '', mode)]]);
}

/** Tokens and trust bundles are for the pod's user alone where that is known, and for the group of the volume. */
function ownFile(pod: Pod, text: string, mode: number): PayloadFile {
  const data = new TextEncoder().encode(text);
  const owner = commonUser(pod);
  const grouped = pod.spec.securityContext?.fsGroup !== undefined;
  if (owner === undefined && !grouped) return { data, mode };
  return { data, mode: 0o600, ...(owner !== undefined && { owner }) };
}

/** The user all containers of the pod run as, when they agree on one. */
function commonUser(pod: Pod): number | undefined {
  const users = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].map(
    ({ securityContext }) => securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser,
  );
  return users.every((user) => user === users[0]) ? users[0] : undefined;
}

function fromConfigMap(
  name: string,
  items: KeyToPath[] | undefined,
  mode: number,
  optional: boolean | undefined,
  sources: PayloadSources,
): Payload {
  const map = sources.configMap(name);
  if (!map && !optional) throw new Error(`configmap "${name}" not found`);
  const data = new Map<string, Uint8Array>();
  for (const [key, value] of Object.entries(map?.data ?? {})) data.set(key, new TextEncoder().encode(value));
  for (const [key, value] of Object.entries(map?.binaryData ?? {})) data.set(key, Uint8Array.fromBase64(value));
  const missing = 'configmap references non-existent config key';
  return fromKeys(data, items, mode, optional, missing);
}

function fromSecret(
  name: string,
  items: KeyToPath[] | undefined,
  mode: number,
  optional: boolean | undefined,
  sources: PayloadSources,
): Payload {
  const secret = sources.secret(name);
  if (!secret && !optional) throw new Error(`secret "${name}" not found`);
  const data = new Map<string, Uint8Array>();
  for (const [key, value] of Object.entries(secret?.data ?? {})) data.set(key, Uint8Array.fromBase64(value));
  const missing = 'references non-existent secret key';
  return fromKeys(data, items, mode, optional, missing);
}

function fromKeys(
  data: ReadonlyMap<string, Uint8Array>,
  items: KeyToPath[] | undefined,
  mode: number,
  optional: boolean | undefined,
  missing: string,
): Payload {
  const payload = new Map<string, PayloadFile>();
  if (!items || items.length === 0) {
    for (const [key, bytes] of data) payload.set(checked(key), { data: bytes, mode });
    return payload;
  }
  for (const { key, path, mode: own } of items) {
    const bytes = data.get(key);
    if (bytes) payload.set(checked(path), { data: bytes, mode: own ?? mode });
    else if (!optional) throw new Error(`${missing}: ${key}`);
  }
  return payload;
}

function fromDownward(
  pod: Pod,
  items: DownwardAPIVolumeFile[] | undefined,
  mode: number,
  { facts }: PayloadSources,
): Payload {
  const payload = new Map<string, PayloadFile>();
  for (const { path, fieldRef, resourceFieldRef, mode: own } of items ?? []) {
    const text = fieldRef
      ? fieldText(pod, fieldRef.fieldPath, facts)
      : resourceFieldRef
        ? resourceText(pod, undefined, resourceFieldRef, facts)
        : '';
    payload.set(checked(path), { data: new TextEncoder().encode(text), mode: own ?? mode });
  }
  return payload;
}

function merge(all: Map<string, PayloadFile>, more: Payload): void {
  for (const [path, file] of more) all.set(path, file);
}

/** A path must stay below the volume's root; the API checks this too, but a write follows here. */
function checked(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (path.startsWith('/') || parts.length === 0 || parts.includes('..') || parts[0]!.startsWith('..')) {
    throw new Error(`invalid path "${path}": must be relative, without "..", and not start with ".."`);
  }
  return parts.join('/');
}
