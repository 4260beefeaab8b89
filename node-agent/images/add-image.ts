/** Puts an image into the store whose blobs are there already: what importing and building end with. */
import type { Env } from '#lib/env/env.ts';
import { addBlob, readBlob } from './blobs.ts';
import { addLayer, findLayer } from './layers.ts';
import { takeLocks } from './lock.ts';
import { mediaTypes, parseConfig } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import { commitImage } from './records.ts';
import { repositoryOf, storedName } from './reference.ts';
import type { Reference } from './reference.ts';
import { lockPath } from './store.ts';
import type { Folders, ReferenceRecord } from './store.ts';

const mostConfigBytes = 8 * 1024 * 1024;
const never = new AbortController().signal;

/** While `run` runs, no sweep removes what has no name yet. */
export async function whileActive<T>(folders: Folders, run: () => Promise<T>): Promise<T> {
  const lock = await takeLocks([{ file: lockPath(folders, 'activity'), mode: 'shared' }]);
  try {
    return await run();
  } finally {
    await lock.release();
  }
}

/** Unpacks the layers and records the image under its names. Call within whileActive(). Resolves to the image's id. */
export async function addImage(
  folders: Folders,
  manifest: Manifest,
  documents: readonly Buffer[],
  names: readonly Reference[],
  env: Env,
): Promise<string> {
  const { config, diffIds } = parseConfig(await readBlob(folders, manifest.config.digest, mostConfigBytes));
  if (diffIds.length !== manifest.layers.length) throw new Error('mismatched image rootfs and manifest layers');
  const layers = manifest.layers.map(({ digest }, index) => ({ diffId: diffIds[index]!, blob: digest }));
  for (const layer of layers)
    if (!(await findLayer(folders, layer.diffId))) await addLayer(folders, layer, env.uuid, never);
  const digests: string[] = [];
  for (const document of documents) digests.push(await addBlob(folders, document, env.uuid()));
  const id = manifest.config.digest;
  const [top] = digests;
  if (top === undefined) throw new Error(`Cannot add image ${id}: it has no manifest`);
  const references = names.flatMap((name): ReferenceRecord[] => [
    { name: storedName(name), id, manifest: top },
    { name: `${repositoryOf(name)}@${top}`, id, manifest: top },
  ]);
  const sizeBytes = [manifest.config, ...manifest.layers].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const blobs = [...digests, id, ...layers.map(({ blob }) => blob)];
  if (!(await commitImage(folders, { id, config, layers, blobs, sizeBytes }, references, env.uuid, undefined)))
    throw new Error(`Cannot add image ${id}: another process has removed its layers meanwhile; try again`);
  return id;
}

/** An OCI manifest, always the same bytes for the same parts. */
export function renderManifest(manifest: Manifest): Buffer {
  const part = ({ mediaType, digest, sizeBytes }: Manifest['config']) => ({ mediaType, digest, size: sizeBytes });
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: part(manifest.config),
      layers: manifest.layers.map(part),
    }),
  );
}
