/** Images for tests: pushed to a real registry, layer by layer. */
import { gzipSync } from 'node:zlib';
import { sha256 } from './store.ts';
import { encodeHeader, endOfArchive, padding } from './tar-format.ts';

/** Where images are pushed to. */
interface Registry {
  pushBlob(repository: string, body: Buffer): Promise<string>;
  pushManifest(repository: string, tag: string, body: Buffer, mediaType: string): Promise<string>;
}

/** One layer as the registry gets it, and the digest that the config claims of what it unpacks to. */
interface TestLayer {
  packed: Buffer;
  diffId: string;
}

export const manifestType = 'application/vnd.oci.image.manifest.v1+json';

const ociTypes = {
  manifest: manifestType,
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
};

/** Docker's own, schema 2. */
export const dockerTypes = {
  manifest: 'application/vnd.docker.distribution.manifest.v2+json',
  config: 'application/vnd.docker.container.image.v1+json',
  layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
};

/** The tar of one file. */
export function layerWith(name: string, content: Buffer): Buffer {
  const header = encodeHeader({
    name,
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: content.length,
    mtimeSeconds: 0,
    linkName: '',
    xattrs: new Map(),
  });
  return Buffer.concat([header, content, padding(content.length), endOfArchive]);
}

/** A gzipped layer of one file called `file`. */
export function simpleLayer(text: string): TestLayer {
  const layer = layerWith('file', Buffer.from(text));
  return { packed: gzipSync(layer), diffId: sha256(layer) };
}

/** Pushes an image of these layers. */
export async function pushImage(
  registry: Registry,
  name: string,
  layers: readonly TestLayer[],
  { tag = '1', architecture = 'amd64', types = ociTypes } = {},
): Promise<{ id: string; manifest: string; layers: string[]; manifestBytes: number }> {
  const config = Buffer.from(
    JSON.stringify({
      os: 'linux',
      architecture,
      config: { Cmd: ['/run'], Env: ['A=1'], Labels: { name } },
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    }),
  );
  const digests: string[] = [];
  for (const { packed } of layers) digests.push(await registry.pushBlob(name, packed));
  const id = await registry.pushBlob(name, config);
  const part = (digest: string, body: Buffer, mediaType: string) => ({ mediaType, digest, size: body.length });
  const body = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: types.manifest,
      config: part(id, config, types.config),
      layers: layers.map(({ packed }, index) => part(digests[index]!, packed, types.layer)),
    }),
  );
  const manifest = await registry.pushManifest(name, tag, body, types.manifest);
  return { id, manifest, layers: digests, manifestBytes: body.length };
}
