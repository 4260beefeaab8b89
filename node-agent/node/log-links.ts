/**
 * Links to the logs of containers, where log shippers look for them: `<pod>_<namespace>_<container>-<id>.log` in one folder, as the kubelet has them in
 * /var/log/containers.
 */
import { lstat, readdir, readlink, stat, symlink, unlink } from 'node:fs/promises';
import path from 'node:path';
import type { Env } from '#lib/env/env.ts';
import type { ObservedContainer, ObservedPod } from '../runtime/types.ts';

type PodName = Pick<ObservedPod, 'namespace' | 'name'>;
type Run = Pick<ObservedContainer, 'id' | 'name' | 'state' | 'logPath'>;

export interface LogLinks {
  /** Links to the log of a run that has just begun. A link that cannot be made is told of, and tried again by tidy(). */
  add(pod: PodName, run: Run): Promise<void>;
  /** Brings the folder to what these pods have: missing links are made, and those that lead nowhere removed. */
  tidy(pods: readonly ObservedPod[]): Promise<void>;
}

const suffix = '.log';
/** In bytes; names of pods and containers have one for each character. */
const longestName = 255;

/** The name of a run's link; one that would be too long is cut short, as upstream. */
export function linkName(pod: PodName, run: Pick<Run, 'id' | 'name'>): string {
  return `${`${pod.name}_${pod.namespace}_${run.name}-${run.id}`.slice(0, longestName - suffix.length)}${suffix}`;
}

export function makeLogLinks(dir: string, env: Pick<Env, 'log'>): LogLinks {
  async function add(pod: PodName, run: Run): Promise<void> {
    const link = path.join(dir, linkName(pod, run));
    try {
      const existing = await readlink(link).catch(ifMissing);
      if (existing === run.logPath) return;
      if (existing !== undefined) await unlink(link);
      await symlink(run.logPath, link);
    } catch (error) {
      env.log.warn('Cannot link to the log of a container, trying again', { link, error });
    }
  }

  return {
    add,
    async tidy(pods) {
      const runs = pods.flatMap((pod) => pod.containers.map((run) => ({ pod, run })));
      const running = new Set(runs.flatMap(({ pod, run }) => (run.state === 'running' ? [linkName(pod, run)] : [])));
      for (const { pod, run } of runs) {
        // Names that were cut short may be those of several: a link that leads to a log is left as it is.
        if (await leadsSomewhere(path.join(dir, linkName(pod, run)))) continue;
        if (await leadsSomewhere(run.logPath)) await add(pod, run);
      }
      for (const name of await readdir(dir)) {
        // While its log is rotated, the link of what runs leads nowhere for a moment.
        if (!name.endsWith(suffix) || running.has(name)) continue;
        const link = path.join(dir, name);
        const isLink = (await lstat(link).catch(ifMissing))?.isSymbolicLink();
        if (isLink && !(await leadsSomewhere(link))) await unlink(link).catch(ifMissing);
      }
    },
  };
}

async function leadsSomewhere(file: string): Promise<boolean> {
  return (await stat(file).catch(ifMissing)) !== undefined;
}

function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
