/** Manifests, indexes and configs: OCI image-spec and Docker's schema 2, read strictly as data from strangers. */
import type { Platform } from './platform.ts';
import type { ImageConfig } from './types.ts';

export const mediaTypes = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
} as const;

/** What we can read, for Accept. */
export const acceptedManifests = [
  mediaTypes.ociIndex,
  mediaTypes.dockerList,
  mediaTypes.ociManifest,
  mediaTypes.dockerManifest,
].join(', ');

export interface Descriptor {
  mediaType: string;
  digest: string;
  sizeBytes: number;
  annotations: Readonly<Record<string, string>>;
}

/** One image of one platform. */
export interface Manifest {
  config: Descriptor;
  /** Bottom first. */
  layers: Descriptor[];
}

/** A manifest or index that an index names. */
export interface IndexEntry extends Descriptor {
  platform: Platform | undefined;
}

/** Either the manifest itself, or the entries of an index. */
export type ManifestOrIndex = { is: 'manifest'; manifest: Manifest } | { is: 'index'; entries: IndexEntry[] };

const mostLayers = 500;
const mostEntries = 1000;

/** Throws an Error that says what is wrong. */
export function parseManifest(body: Buffer): ManifestOrIndex {
  const document = parseJson(body, 'manifest');
  if (document['schemaVersion'] !== 2) throw new Error('manifest has an unsupported schema version');
  if (Array.isArray(document['manifests'])) {
    if (document['manifests'].length > mostEntries) throw new Error('index has too many entries');
    const entries = document['manifests'].map((entry) => ({
      ...descriptor(entry),
      platform: platform(record(record(entry)['platform'])),
    }));
    return { is: 'index', entries };
  }
  if (!Array.isArray(document['layers'])) throw new Error('manifest has no layers');
  if (document['layers'].length > mostLayers) throw new Error('manifest has too many layers');
  return {
    is: 'manifest',
    manifest: { config: descriptor(document['config']), layers: document['layers'].map(descriptor) },
  };
}

/** The config's part that running needs, and the digests of its unpacked layers, bottom first. */
export function parseConfig(body: Buffer): { config: ImageConfig; diffIds: string[]; platform: Platform | undefined } {
  const document = parseJson(body, 'config');
  const config = record(document['config']);
  const rootfs = record(document['rootfs']);
  const diffIds = strings(rootfs['diff_ids']);
  if (!diffIds.every(isDigest)) throw new Error('config has a layer without a sha256 digest');
  return {
    config: {
      entrypoint: strings(config['Entrypoint']),
      cmd: strings(config['Cmd']),
      env: strings(config['Env']),
      workingDir: string(config['WorkingDir']),
      user: string(config['User']),
      stopSignal: string(config['StopSignal']),
      labels: texts(config['Labels']),
      volumes: Object.keys(record(config['Volumes'])),
    },
    diffIds,
    platform: platform(document),
  };
}

/** Whether this is a digest that we can check. */
function isDigest(value: string): boolean {
  return /^sha256:[a-f0-9]{64}$/.test(value);
}

function descriptor(value: unknown): Descriptor {
  const from = record(value);
  const digest = string(from['digest']);
  const size = from['size'];
  if (!isDigest(digest)) throw new Error(`unsupported digest "${digest}"`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw new Error(`${digest} has no size`);
  return { mediaType: string(from['mediaType']), digest, sizeBytes: size, annotations: texts(from['annotations']) };
}

function platform(from: Record<string, unknown>): Platform | undefined {
  const variant = string(from['variant']);
  const found = { os: string(from['os']), architecture: string(from['architecture']), ...(variant && { variant }) };
  return found.os && found.architecture ? found : undefined;
}

function parseJson(body: Buffer, what: string): Record<string, unknown> {
  try {
    return record(JSON.parse(body.toString('utf8')));
  } catch (error) {
    throw new Error(`${what} is not JSON`, { cause: error });
  }
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function string(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

function texts(value: unknown): Record<string, string> {
  return Object.fromEntries(
    Object.entries(record(value)).filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
  );
}
