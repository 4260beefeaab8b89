/** Frees what nobody needs any more, before pods have to go for it. */
import type { Env } from '#lib/env/env.ts';
import type { Images } from '../images/types.ts';
import { runsOf } from '../lifecycle/containers.ts';
import type { Pods } from '../lifecycle/pods.ts';
import { removeUnusedImages } from '../node/image-garbage.ts';
import type { Runtime } from '../runtime/types.ts';
import type { Signal } from './types.ts';

export interface ReclaimParts {
  env: Env;
  runtime: Pick<Runtime, 'removeContainer'>;
  images: Pick<Images, 'list' | 'remove'>;
  pods: Pick<Pods, 'all'>;
  /** Whether images lie on a file system of their own. */
  ownImageFs: boolean;
}

/** What the signal is about, from what nobody misses; false when nothing of the sort can be freed. One that resists is left out. */
export async function reclaim(signal: Signal, parts: ReclaimParts): Promise<boolean> {
  const ofNode = signal.startsWith('nodefs.');
  const ofImages = signal.startsWith('imagefs.');
  if (!ofNode && !ofImages) return false;
  if (ofNode || !parts.ownImageFs) await removeSpareRuns(parts);
  if (ofImages || !parts.ownImageFs) await removeUnusedImages(parts, Infinity);
  return true;
}

/** Runs that ended before the latest one: of each container one is kept, for its log and its message. */
async function removeSpareRuns({ env, runtime, pods }: ReclaimParts): Promise<void> {
  for (const { observed } of pods.all()) {
    for (const name of new Set(observed?.containers.map((run) => run.name))) {
      const [, ...spare] = runsOf(observed, name).filter((run) => run.state === 'exited');
      for (const { id } of spare) {
        await runtime.removeContainer(id).catch((error: unknown) => {
          env.log.warn('Cannot remove an ended container to free disk space', { id, error });
        });
      }
    }
  }
}
