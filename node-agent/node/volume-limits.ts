/** Evicts pods whose emptyDir volumes on the disk have grown beyond their limits, as the kubelet's local storage eviction. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Env } from '#lib/env/env.ts';
import { unitsOf } from '#lib/meta/quantities.ts';
import { isTerminal } from '../lifecycle/ending.ts';
import type { Pods } from '../lifecycle/pods.ts';
import type { Seen } from '../lifecycle/types.ts';

export interface LimitOptions {
  env: Env;
  pods: Pick<Pods, 'all' | 'evict'>;
}

/** As often as upstream. */
const everyMs = 10_000;
const duLimitMs = 30_000;

const execute = promisify(execFile);

/** Measures again and again until aborted. */
export async function heedVolumeLimits(options: LimitOptions, signal: AbortSignal): Promise<void> {
  const { env } = options;
  for (;;) {
    await env.sleep(everyMs, signal).catch(() => {});
    if (signal.aborted) return;
    await heedOnce(options);
  }
}

/** Measures every volume that has a limit, one after the other, and evicts those pods that use more. */
export async function heedOnce({ env, pods }: LimitOptions): Promise<void> {
  for (const seen of pods.all()) {
    const uid = seen.pod?.metadata.uid;
    for (const { name, folder, limit } of limitedVolumes(seen)) {
      try {
        if ((await usedBytes(folder)) <= unitsOf(limit)) continue;
        pods.evict(uid!, `Usage of EmptyDir volume "${name}" exceeds the limit "${limit}". `);
        break;
      } catch (error) {
        env.log.debug('Cannot measure a volume', { folder, error });
      }
    }
  }
}

/** Volumes in memory are held to their limits by the kernel. */
function limitedVolumes({ pod, exists, notes }: Seen): { name: string; folder: string; limit: string | number }[] {
  if (!pod || !exists || isTerminal(pod) || pod.metadata.deletionTimestamp !== undefined) return [];
  return (pod.spec.volumes ?? []).flatMap(({ name, emptyDir }) => {
    const folder = notes.volumes?.[name];
    const limit = emptyDir?.medium === 'Memory' ? undefined : emptyDir?.sizeLimit;
    return folder === undefined || limit === undefined || unitsOf(limit) === 0 ? [] : [{ name, folder, limit }];
  });
}

/** What the folder takes on its disk; files that vanish meanwhile do not matter. */
async function usedBytes(folder: string): Promise<number> {
  const { stdout } = await execute('du', ['-sx', '--block-size=1', folder], { timeout: duLimitMs }).catch(
    (error: Error & { stdout?: string }) => {
      if (/^\d+/.test(error.stdout ?? '')) return { stdout: error.stdout! };
      throw error;
    },
  );
  return parseInt(stdout, 10);
}
