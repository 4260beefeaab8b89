/** Evicts pods that have more on the disk than their limits allow. */
import type { Env } from '#lib/env/env.ts';
import { isTerminal } from '../lifecycle/ending.ts';
import type { Pods } from '../lifecycle/pods.ts';
import type { Seen } from '../lifecycle/types.ts';
import type { LayerLister } from '../runtime/types.ts';
import { allFolders, storageFolders, storageUse } from './folders.ts';
import { exceededLimit, hasStorageLimits } from './limits.ts';
import { measureFolders } from './measure.ts';

export interface LimitParts {
  env: Env;
  runtime: LayerLister;
  logDir: string;
  pods: Pick<Pods, 'all' | 'evict'>;
}

/** As often as upstream looks. */
const everyMs = 10_000;
/** Measuring may take this share of the time: a disk with millions of files is looked at less often. */
const leastRests = 10;
const longestRestMs = 300_000;

/** Measures again and again until aborted. Nothing is measured while no pod has a limit. */
export async function heedStorageLimits(parts: LimitParts, signal: AbortSignal): Promise<void> {
  const { env } = parts;
  let restMs = everyMs;
  for (;;) {
    await env.sleep(restMs, signal).catch(() => {});
    if (signal.aborted) return;
    const startedAt = env.monotonic();
    try {
      await heedOnce(parts);
    } catch (error) {
      env.log.warn('Cannot measure what pods have on the disk, trying again later', { error });
    }
    restMs = Math.min(longestRestMs, Math.max(everyMs, leastRests * (env.monotonic() - startedAt)));
  }
}

/** Measures all pods that have limits, in one go, and evicts those that exceed them. */
export async function heedOnce({ env, runtime, logDir, pods }: LimitParts): Promise<void> {
  const limited = await Promise.all(
    pods
      .all()
      .filter(mayExceed)
      .map(async (seen) => ({
        pod: seen.pod!,
        folders: storageFolders(seen, await runtime.layers(seen.pod!.metadata.uid), logDir),
      })),
  );
  if (limited.length === 0) return;
  const sizes = await measureFolders(limited.flatMap(({ folders }) => allFolders(folders)));
  for (const { pod, folders } of limited) {
    const message = exceededLimit(pod, storageUse(folders, sizes));
    if (message === undefined) continue;
    env.log.info('Evicting pod for what it has on the disk', { pod: pod.metadata.name, message });
    pods.evict(pod.metadata.uid, { message });
  }
}

function mayExceed({ pod, exists, notes }: Seen): boolean {
  if (!pod || !exists || isTerminal(pod) || notes.rejected || notes.evicted) return false;
  return hasStorageLimits(pod);
}
