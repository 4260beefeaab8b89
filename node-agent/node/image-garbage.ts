/** Removes images nobody uses when the disk fills up: the longest unused first, as the kubelet does. */
import { statfs } from 'node:fs/promises';
import type { Recorder } from '#lib/control/events.ts';
import type { Env } from '#lib/env/env.ts';
import type { Resource } from '#lib/meta/object.ts';
import type { ImageInfo, Images } from '../images/types.ts';
import type { Seen } from '../lifecycle/types.ts';
import { imageThresholds } from './image-thresholds.ts';

export interface GarbageOptions {
  env: Env;
  images: Pick<Images, 'list' | 'noteUse' | 'remove' | 'dropStale'>;
  /** What fails is told about the node. */
  events: Pick<Recorder, 'record'>;
  node: Resource;
  imageDir: string;
  pods: { all(): Seen[] };
  /** In percent of the disk. */
  highPercent?: number;
  lowPercent?: number;
  /** How full the disk is; the file system's answer when absent. */
  disk?: (path: string) => Promise<{ blocks: number; bavail: number; bsize: number }>;
}

/** As upstream: images are never removed. */
const neverPercent = 100;
/** Upstream's least age of an image. */
const leastAgeMs = 2 * 60_000;
/** Often enough that no image in use anywhere ever looks as old as `leastAgeMs`. */
const noteEachMs = 30_000;
const notesPerLook = 10;

/** Images that could be removed, the longest unused first; those in use are never among them. */
function unusedImages(list: readonly ImageInfo[], inUse: ReadonlySet<string>, now: number): ImageInfo[] {
  return list
    .filter((image) => !inUse.has(image.id) && now - image.lastUsedAt >= leastAgeMs)
    .toSorted((a, b) => a.lastUsedAt - b.lastUsedAt);
}

/** Images of all containers of these pods: also of those that have exited, as they may be started again. */
export function imagesInUse(pods: readonly Seen[]): Set<string> {
  return new Set(
    pods.flatMap(({ observed, notes }) => [
      ...(observed?.containers ?? []).map((run) => run.imageId),
      ...Object.values(notes.containers).flatMap(({ pulled }) =>
        pulled ? [pulled.image, ...Object.values(pulled.volumes ?? {})].map(({ id }) => id) : [],
      ),
    ]),
  );
}

/**
 * Looks after the image store until aborted. Several agents may share one: each keeps telling, by the images' time of use, which ones its pods need, so
 * that no other removes them.
 */
export async function collectImages(options: GarbageOptions, signal: AbortSignal): Promise<void> {
  const { env, images, pods, events, node } = options;
  let failed = false;
  for (let round = 1; ; round++) {
    await env.sleep(noteEachMs, signal).catch(() => {});
    if (signal.aborted) return;
    try {
      await images.noteUse(imagesInUse(pods.all()));
      if (round % notesPerLook !== 0) continue;
      await images.dropStale();
      await collectOnce(options);
      failed = false;
    } catch (error) {
      env.log.warn('Cannot collect images, trying again later', { error });
      const message = error instanceof Error ? error.message : String(error);
      // As upstream, once may be an accident.
      if (failed) events.record({ regarding: node, type: 'Warning', reason: 'ImageGCFailed', message });
      failed = true;
    }
  }
}

/** Removes images when the disk is fuller than it should be, until it is not. Rejects, and says so of the node, when they do not make it so. */
export async function collectOnce(options: GarbageOptions): Promise<void> {
  const { imageDir, events, node, disk = statfs } = options;
  const { highPercent = imageThresholds.highPercent, lowPercent = imageThresholds.lowPercent } = options;
  if (highPercent === neverPercent) return;
  const { blocks, bavail, bsize } = await disk(imageDir);
  const fail = (reason: string, message: string): never => {
    events.record({ regarding: node, type: 'Warning', reason, message });
    throw new Error(message);
  };
  if (blocks === 0) fail('InvalidDiskCapacity', 'invalid capacity 0 on image filesystem');
  const usedPercent = 100 - Math.floor((bavail * 100) / blocks);
  if (usedPercent < highPercent) return;
  const wanted = (Math.floor((blocks * (100 - lowPercent)) / 100) - bavail) * bsize;
  const freed = await removeUnusedImages(options, wanted);
  if (freed < wanted) {
    const found = `Attempted to free ${wanted} bytes, but only found ${freed} bytes eligible to free.`;
    fail('FreeDiskSpaceFailed', `Failed to garbage collect required amount of images. ${found}`);
  }
}

/**
 * Removes images that nobody uses until so many bytes are free, the longest unused first; resolves to how many those were. One that cannot be removed is
 * left out.
 */
export async function removeUnusedImages(
  { env, images, pods }: Pick<GarbageOptions, 'env' | 'pods'> & { images: Pick<Images, 'list' | 'remove'> },
  bytes: number,
): Promise<number> {
  let freed = 0;
  for (const { id, sizeBytes } of unusedImages(await images.list(), imagesInUse(pods.all()), env.now())) {
    if (freed >= bytes) break;
    try {
      await images.remove(id);
      env.log.info('Removed image to free disk space', { id });
      freed += sizeBytes;
    } catch (error) {
      env.log.warn('Cannot remove image to free disk space', { id, error });
    }
  }
  return freed;
}
