/** The image store of a node; several processes may have the same folder open. */
import type { Env } from '#lib/env/env.ts';
import { whileActive } from './add-image.ts';
import { exportArchive, importArchive } from './archive.ts';
import { forgetChecks } from './layer-check.ts';
import { findLayer, lowerFolders } from './layers.ts';
import { platformOf } from './platform.ts';
import type { Platform } from './platform.ts';
import { tellProgress } from './tell-progress.ts';
import { mountedLayers } from './mounted.ts';
import { dropStalePartials } from './partials.ts';
import { makePuller } from './pull.ts';
import { allImages, allReferences, dropReferences, findImage, findReference } from './records.ts';
import { lastUsedAt, noteUse, withStoreLock } from './records.ts';
import { formatReference, parseReference, repositoryOf, storedName } from './reference.ts';
import { noRegistries } from './registries.ts';
import type { Registries } from './registries.ts';
import { foldersIn, layerPath } from './store.ts';
import type { Folders, ImageRecord } from './store.ts';
import { openStore } from './sweep.ts';
import type { Credentials, ImageInfo, Images, UnpackedImage } from './types.ts';

export interface ImagesOptions {
  /** The store's folder; made if need be. */
  dir: string;
  /** Mirrors and the like, asked for at each pull. */
  registries?: () => Promise<Registries>;
  /** The node's own, tried after those of a pull. */
  credentials?: Credentials;
  /** Ids of images that may not be removed, though nothing has their layers mounted. */
  inUse?: () => Promise<ReadonlySet<string>>;
}

export interface OpenStore {
  folders: Folders;
  /** The one that this machine runs. */
  platform: Platform;
  env: Env;
}

/** What the CLI can do beyond the agent. */
export interface ImageStore extends Images {
  /** Writes images as a tar that `docker load` and importTar() read. */
  exportTar(names: readonly string[], file: string): Promise<void>;
  /** The opened folders, for what is built on the store. */
  open(): Promise<OpenStore>;
}

const never = new AbortController().signal;

/** How long it is believed of a layer that all of it is as it was. */
const checkEachMs = 60 * 60_000;

/** Opens the store at the first use; that also sweeps what crashes left. */
export function makeImages(options: ImagesOptions, env: Env): ImageStore {
  const { dir, registries = () => Promise.resolve(noRegistries), credentials = () => [], inUse } = options;
  const folders = foldersIn(dir);
  const platform = platformOf(process.arch);
  const puller = makePuller({ folders, platform, registries, credentials, env });
  let opening: Promise<void> | undefined;
  let checkedSince = env.monotonic();
  const opened = async () => {
    opening ??= openStore(folders, env);
    await opening.catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
  };

  const unpacked = async (name: string, image: ImageRecord): Promise<UnpackedImage> => {
    const digest = await digestOf(name);
    const layers = await lowerFolders(folders, image);
    return { name, id: image.id, ...(digest !== undefined && { digest }), config: image.config, layers };
  };

  /** Nothing is made of an image while one of its layers is not as it was. */
  const isUsable = async (image: ImageRecord): Promise<boolean> => {
    if (env.monotonic() - checkedSince > checkEachMs) {
      checkedSince = env.monotonic();
      forgetChecks(folders);
    }
    const layers = await Promise.all(image.layers.map(({ diffId }) => findLayer(folders, diffId)));
    if (layers.every((layer) => layer !== undefined)) return true;
    return whileActive(folders, () => puller.restore(image, never));
  };

  /** The name by digest of what a tag or digest stands for; only what came from a registry has one. */
  const digestOf = async (name: string): Promise<string | undefined> => {
    if (asId(name) !== undefined) return undefined;
    const reference = parseReference(name);
    const found = await findReference(folders, storedName(reference));
    return found && (await findReference(folders, `${repositoryOf(reference)}@${found.manifest}`))?.name;
  };

  /** The id that a name, digest or id stands for. */
  const idOf = async (name: string): Promise<string | undefined> => {
    const id = asId(name);
    if (id !== undefined) return (await findImage(folders, id))?.id;
    return (await findReference(folders, storedName(parseReference(name))))?.id;
  };

  const usersOf = async (image: ImageRecord): Promise<boolean> => {
    if ((await inUse?.())?.has(image.id)) return true;
    const mounted = await mountedLayers(folders.layers);
    return image.layers.some(({ diffId }) => mounted.has(layerPath(folders, diffId)));
  };

  return {
    async find(name) {
      await opened();
      const id = await idOf(name);
      const image = id === undefined ? undefined : await findImage(folders, id);
      if (!image) return undefined;
      await noteUse(folders, image.id, env.now());
      if (!(await isUsable(image))) return undefined;
      return unpacked(name, image);
    },
    async pull(name, { auth = () => [], onProgress, signal }) {
      const reference = parseReference(name);
      await opened();
      const forget = onProgress && tellProgress(() => puller.progressOf(reference), onProgress, env);
      const { id, durationMs } = await puller.pull(reference, auth, signal).finally(forget);
      const image = await findImage(folders, id);
      if (!image) throw new Error(`Cannot use image ${formatReference(reference)}: it was removed at once`);
      return { image: await unpacked(name, image), bytes: image.sizeBytes, durationMs };
    },
    async list() {
      await opened();
      const [images, references] = await Promise.all([allImages(folders), allReferences(folders)]);
      return Promise.all(
        images.map(async (image): Promise<ImageInfo> => {
          const names = references.filter(({ id }) => id === image.id).map(({ name }) => name);
          return {
            id: image.id,
            tags: names.filter((name) => !name.includes('@')).sort(),
            digests: names.filter((name) => name.includes('@')).sort(),
            sizeBytes: image.sizeBytes,
            lastUsedAt: await lastUsedAt(folders, image.id),
          };
        }),
      );
    },
    async noteUse(ids) {
      await opened();
      for (const id of ids) await noteUse(folders, id, env.now());
    },
    async remove(name) {
      await opened();
      const isId = asId(name) !== undefined;
      await withStoreLock(folders, undefined, async () => {
        const id = await idOf(name);
        const image = id === undefined ? undefined : await findImage(folders, id);
        if (!image) return;
        const references = (await allReferences(folders)).filter((reference) => reference.id === image.id);
        const gone = isId ? references : goneWith(references, storedName(parseReference(name)));
        if (gone.length === references.length && (await usersOf(image)))
          throw new Error(`Cannot remove image "${name}": it is in use by a container`);
        await dropReferences(folders, gone, image.id, env.uuid);
      });
    },
    async importTar(file) {
      await opened();
      return importArchive(folders, file, platform, env);
    },
    async exportTar(names, file) {
      await opened();
      const references = await Promise.all(
        names.map(async (name) => {
          const reference = await findReference(folders, storedName(parseReference(name)));
          if (!reference) throw new Error(`Cannot export image "${name}": it is not in the store`);
          return reference;
        }),
      );
      await exportArchive(folders, references, file);
    },
    async dropStale() {
      await opened();
      await dropStalePartials(folders, env.now());
    },
    async open() {
      await opened();
      return { folders, platform, env };
    },
  };
}

/** The id that a name is, if it is one. */
function asId(name: string): string | undefined {
  const hex = /^(?:sha256:)?([a-f0-9]{64})$/.exec(name)?.[1];
  return hex && `sha256:${hex}`;
}

/** A tag takes its digest names with it when no other tag is left to explain them. */
function goneWith<R extends { name: string }>(references: readonly R[], name: string): R[] {
  const others = references.filter((reference) => reference.name !== name);
  if (others.some((reference) => !reference.name.includes('@'))) return references.filter((one) => one.name === name);
  return [...references];
}
