/** Pulls an image: resolve the name, fetch what is missing, unpack, record. */
import type { Env } from '#lib/env/env.ts';
import { addBlob, draftBlob, readBlob } from './blobs.ts';
import { addLayer, findLayer } from './layers.ts';
import { imageLockName, lockPath, blobPath, exists } from './store.ts';
import type { Folders, ImageRecord, ReferenceRecord } from './store.ts';
import { takeLocks } from './lock.ts';
import { choosePlatform, parseConfig, parseManifest } from './manifest.ts';
import type { Descriptor, Manifest, Platform } from './manifest.ts';
import { commitImage } from './records.ts';
import { formatReference, repositoryOf, storedName } from './reference.ts';
import type { Reference } from './reference.ts';
import { openRepository } from './registry.ts';
import type { Repository, RegistryOptions } from './registry.ts';
import { makeFlights, mapBounded } from './single-flight.ts';
import { PullError } from './types.ts';
import type { RegistryAuth } from './types.ts';

export interface PullerOptions extends RegistryOptions {
  folders: Folders;
  platform: Platform;
  env: Env;
}

export interface Puller {
  /** Resolves to the id of the image, which is then in the store. Rejects with PullError. */
  pull(
    reference: Reference,
    auth: ((registry: string) => RegistryAuth | undefined) | undefined,
    signal: AbortSignal,
  ): Promise<string>;
}

const parallelLayers = 3;
const mostConfigBytes = 8 * 1024 * 1024;
const deepestIndex = 3;
const commitAttempts = 3;

export function makePuller({ folders, platform, env, ...registry }: PullerOptions): Puller {
  const pulls = makeFlights<string>();
  const layers = makeFlights<void>();

  const fetchBlob = async (repository: Repository, wanted: Descriptor, signal: AbortSignal) => {
    if (await exists(blobPath(folders, wanted.digest))) return;
    const draft = await draftBlob(folders, wanted.digest, env.uuid());
    try {
      await repository.blob(wanted.digest, wanted.sizeBytes, draft, signal);
      await draft.finish();
    } finally {
      await draft.discard();
    }
  };

  const fetchLayer = (repository: Repository, diffId: string, wanted: Descriptor, signal: AbortSignal) =>
    layers.share(`${diffId} ${wanted.digest}`, signal, async (signal) => {
      await within('failed to copy: ', () => fetchBlob(repository, wanted, signal));
      if (await findLayer(folders, diffId)) return;
      await within(`failed to extract layer ${diffId}: `, () =>
        addLayer(folders, { diffId, blob: wanted.digest }, env.uuid, signal),
      );
    });

  /** Everything into the store. */
  const bring = async (reference: Reference, repository: Repository, signal: AbortSignal): Promise<string> => {
    const resolved = await within(`failed to resolve reference "${formatReference(reference)}": `, () =>
      resolveManifest(repository, reference, platform, signal),
    );
    const { manifest } = resolved;
    await within('failed to copy: ', () => fetchBlob(repository, manifest.config, signal));
    const body = await readBlob(folders, manifest.config.digest, mostConfigBytes);
    const { config, diffIds } = parseConfig(body);
    if (diffIds.length !== manifest.layers.length) throw new Error('mismatched image rootfs and manifest layers');
    const image: ImageRecord = {
      id: manifest.config.digest,
      config,
      layers: manifest.layers.map(({ digest }, index) => ({ diffId: diffIds[index]!, blob: digest })),
      blobs: [...resolved.documents.keys(), manifest.config.digest, ...manifest.layers.map(({ digest }) => digest)],
      sizeBytes: [manifest.config, ...manifest.layers].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    };
    const byDigest = `${repositoryOf(reference)}@${resolved.digest}`;
    const names = [...new Set([storedName(reference), byDigest])];
    const references = names.map((name): ReferenceRecord => ({ name, id: image.id, manifest: resolved.digest }));
    for (let attempt = 1; attempt <= commitAttempts; attempt++) {
      for (const document of resolved.documents.values()) await addBlob(folders, document, env.uuid());
      await within('failed to copy: ', () => fetchBlob(repository, manifest.config, signal));
      await mapBounded([...manifest.layers.entries()], parallelLayers, signal, ([index, layer], signal) =>
        fetchLayer(repository, diffIds[index]!, layer, signal),
      );
      if (await commitImage(folders, image, references, env.uuid, signal)) return image.id;
    }
    throw new Error('its parts keep being removed while it is pulled');
  };

  return {
    pull: (reference, auth, signal) =>
      pulls.share(storedName(reference), signal, async (signal) => {
        const name = formatReference(reference);
        const locks = await takeLocks(
          [
            { file: lockPath(folders, 'activity'), mode: 'shared' },
            { file: lockPath(folders, imageLockName(storedName(reference))), mode: 'exclusive' },
          ],
          signal,
        );
        try {
          return await bring(reference, openRepository(reference, auth, { ...registry, env }), signal);
        } catch (error) {
          signal.throwIfAborted();
          const because = error instanceof Error ? error.message : String(error);
          throw new PullError('ErrImagePull', `failed to pull and unpack image "${name}": ${because}`, {
            cause: error,
          });
        } finally {
          await locks.release();
        }
      }),
  };
}

interface Resolved {
  manifest: Manifest;
  /** Of what the name stands for: the manifest, or the index above it. */
  digest: string;
  /** All documents on the way, by digest. */
  documents: Map<string, Buffer>;
}

async function resolveManifest(
  repository: Repository,
  reference: Reference,
  platform: Platform,
  signal: AbortSignal,
): Promise<Resolved> {
  const documents = new Map<string, Buffer>();
  let wanted = reference.digest || reference.tag;
  for (let depth = 0; depth <= deepestIndex; depth++) {
    const { body, digest } = await repository.manifest(wanted, signal);
    documents.set(digest, body);
    const parsed = parseManifest(body);
    if (parsed.is === 'manifest')
      return { manifest: parsed.manifest, digest: documents.keys().next().value!, documents };
    const chosen = choosePlatform(parsed, platform);
    if (!chosen) throw new Error(`no match for platform in manifest ${digest}: not found`);
    wanted = chosen.digest;
  }
  throw new Error('index within index within index');
}

/** Puts the step's name before its failure. */
async function within<T>(prefix: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof Error) || error.name === 'AbortError') throw error;
    throw new Error(`${prefix}${error.message}`, { cause: error });
  }
}
