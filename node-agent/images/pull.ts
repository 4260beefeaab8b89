/** Pulls an image: resolve the name, fetch what is missing, unpack, record. */
import type { Env } from '#lib/env/env.ts';
import { addBlob, readBlob } from './blobs.ts';
import { makeLayerFetch } from './layer-fetch.ts';
import { takeLocks } from './lock.ts';
import { parseConfig, parseManifest } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import { choosePlatform } from './platform.ts';
import type { Platform } from './platform.ts';
import { commitImage } from './records.ts';
import { formatReference, repositoryOf, storedName } from './reference.ts';
import type { Reference } from './reference.ts';
import { endpointsFor } from './registries.ts';
import type { Registries } from './registries.ts';
import { openRepository } from './registry.ts';
import type { Access, Repository } from './registry.ts';
import { roomFor } from './room.ts';
import { makeFlights, mapBounded } from './single-flight.ts';
import { imageLockName, lockPath, sha256 } from './store.ts';
import type { Folders, ImageRecord, ReferenceRecord } from './store.ts';
import { makeTurns } from './turns.ts';
import { PullError } from './types.ts';
import type { Credentials, PullProgress, RegistryAuth } from './types.ts';
import { within } from './within.ts';

export interface PullerOptions {
  folders: Folders;
  platform: Platform;
  /** As of now. */
  registries: () => Promise<Registries>;
  /** The node's own, tried after the caller's. */
  credentials: Credentials;
  env: Env;
}

export interface Puller {
  /** Resolves to the id of the image, which is then in the store. Rejects with PullError. */
  pull(reference: Reference, auth: Credentials, signal: AbortSignal): Promise<{ id: string; durationMs: number }>;
  /** Of the pulls of this name that are under way, the one that has come furthest. */
  progressOf(reference: Reference): Promise<PullProgress | undefined>;
  /** Makes sure, without a registry, that the image's layers are as they were extracted; resolves to whether they are. */
  restore(image: ImageRecord, signal: AbortSignal): Promise<boolean>;
}

const parallelPulls = 5;
const parallelLayers = 3;
const mostConfigBytes = 8 * 1024 * 1024;
const deepestIndex = 3;
const commitAttempts = 3;

export function makePuller({ folders, platform, registries, credentials, env }: PullerOptions): Puller {
  const pulls = makeFlights<{ id: string; durationMs: number }>();
  const turns = makeTurns(parallelPulls);
  const fetch = makeLayerFetch(folders, env);
  /** By stored name: what there is to fetch. */
  const underWay = new Map<string, Manifest>();

  /** Everything into the store. */
  const bring = async (reference: Reference, repository: Repository, signal: AbortSignal): Promise<string> => {
    const resolved = await within(`failed to resolve reference "${formatReference(reference)}": `, () =>
      resolveManifest(repository, reference, platform, signal),
    );
    const { manifest } = resolved;
    underWay.set(storedName(reference), manifest);
    await within('failed to copy: ', () => roomFor(folders, [manifest.config, ...manifest.layers]));
    await fetch.blob(repository, manifest.config, signal);
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
      await fetch.blob(repository, manifest.config, signal);
      await mapBounded([...manifest.layers.entries()], parallelLayers, signal, ([index, layer], signal) =>
        fetch.layer(repository, diffIds[index]!, layer, signal),
      );
      if (await commitImage(folders, image, references, env.uuid, signal)) return image.id;
    }
    throw new Error('its parts keep being removed while it is pulled');
  };

  const pullNow = async (reference: Reference, accesses: readonly Access[], signal: AbortSignal) => {
    const name = formatReference(reference);
    const start = env.monotonic();
    const locks = await takeLocks(
      [
        { file: lockPath(folders, 'activity'), mode: 'shared' },
        { file: lockPath(folders, imageLockName(storedName(reference))), mode: 'exclusive' },
      ],
      signal,
    );
    try {
      const id = await bring(reference, openRepository(reference, accesses, env), signal);
      return { id, durationMs: env.monotonic() - start };
    } catch (error) {
      signal.throwIfAborted();
      const because = error instanceof Error ? error.message : String(error);
      throw new PullError('ErrImagePull', `failed to pull and unpack image "${name}": ${because}`, { cause: error });
    } finally {
      underWay.delete(storedName(reference));
      await locks.release();
    }
  };

  return {
    async pull(reference, auth, signal) {
      const accesses = endpointsFor(reference, await registries()).map((endpoint): Access => {
        const repository = `${endpoint.host}/${endpoint.path}`;
        const own = endpoint.auth ? [endpoint.auth] : [];
        return { endpoint, candidates: distinct([...auth(repository), ...credentials(repository), ...own]) };
      });
      // Only those who may show the same share a pull: nobody gets with another's credentials what his own do not open.
      const key = sha256(JSON.stringify([storedName(reference), accesses]));
      return pulls.share(key, signal, (signal) => turns(signal, () => pullNow(reference, accesses, signal)));
    },
    async progressOf(reference) {
      const manifest = underWay.get(storedName(reference));
      if (!manifest) return undefined;
      const parts = [...new Map([manifest.config, ...manifest.layers].map((part) => [part.digest, part])).values()];
      const fetched = await Promise.all(parts.map(({ digest }) => fetch.fetchedBytes(digest)));
      return { fetchedBytes: sum(fetched), totalBytes: sum(parts.map(({ sizeBytes }) => sizeBytes)) };
    },
    async restore({ layers }, signal) {
      for (const { diffId, blob } of layers) if (!(await fetch.restore(diffId, blob, signal))) return false;
      return true;
    },
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
    wanted = choosePlatform(parsed.entries, platform, digest).digest;
  }
  throw new Error('index within index within index');
}

function distinct(candidates: readonly RegistryAuth[]): RegistryAuth[] {
  return [...new Map(candidates.map((auth) => [`${auth.username}:${auth.password}`, auth])).values()];
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}
