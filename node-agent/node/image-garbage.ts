/** Removes images nobody uses when the disk fills up: the longest unused first, as the kubelet does. */
import { statfs } from 'node:fs/promises';
import type { Env } from '#lib/env/env.ts';
import type { ImageInfo, Images } from '../images/types.ts';
import type { Seen } from '../lifecycle/types.ts';

export interface GarbageOptions {
  env: Env;
  images: Images;
  imageDir: string;
  pods: { all(): Seen[] };
}

/** Upstream's thresholds, in percent of the disk, and its least age of an image. */
const highPercent = 85;
const lowPercent = 80;
const leastAgeMs = 2 * 60_000;
const lookEachMs = 5 * 60_000;

/** The images to remove, in this order, to free `bytes`; those in use are never among them. */
export function imagesToRemove(
  list: readonly ImageInfo[],
  inUse: ReadonlySet<string>,
  bytes: number,
  now: number,
): ImageInfo[] {
  const chosen: ImageInfo[] = [];
  let freed = 0;
  const unused = list.filter((image) => !inUse.has(image.id) && now - image.lastUsedAt >= leastAgeMs);
  for (const image of unused.toSorted((a, b) => a.lastUsedAt - b.lastUsedAt)) {
    if (freed >= bytes) break;
    chosen.push(image);
    freed += image.sizeBytes;
  }
  return chosen;
}

/** Looks after the image store until aborted. */
export async function collectImages(
  { env, images, imageDir, pods }: GarbageOptions,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await env.sleep(lookEachMs, signal).catch(() => {});
    if (signal.aborted) return;
    try {
      const { blocks, bavail, bsize } = await statfs(imageDir);
      const used = blocks - bavail;
      if (used * 100 < blocks * highPercent) continue;
      const excess = (used - Math.floor((blocks * lowPercent) / 100)) * bsize;
      const inUse = new Set(
        pods.all().flatMap(({ observed }) => (observed?.containers ?? []).map((run) => run.imageId)),
      );
      for (const { id } of imagesToRemove(await images.list(), inUse, excess, env.now())) {
        env.log.info('Removing image to free disk space', { id });
        await images.remove(id);
      }
    } catch (error) {
      env.log.warn('Cannot collect images, trying again later', { error });
    }
  }
}
