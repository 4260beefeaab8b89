/** Which log file a request means, and upstream's refusals. */
import { readdir } from 'node:fs/promises';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { badRequest } from '#lib/meta/errors.ts';
import { containersOf, reportedStatus, runsOf } from '../lifecycle/containers.ts';
import { podLogDir } from '../lifecycle/log-files.ts';
import type { Seen } from '../lifecycle/types.ts';

/** The log file of a container's latest run, or of the one before. Rejects with upstream's sentences when there is none. */
export async function findLog(
  logDir: string,
  { pod, observed }: Seen & { pod: Pod },
  container: string,
  previous: boolean,
): Promise<{ file: string; attempt: number }> {
  if (!containersOf(pod).some(({ spec }) => spec.name === container)) {
    throw badRequest(`container ${container} is not valid for pod ${pod.metadata.name}`);
  }
  const folder = `${podLogDir(logDir, pod)}/${container}`;
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const attempts = names
    .flatMap((name) => /^(\d+)\.log$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => b - a);
  // A run that is being started has a log already, but is nothing to be read from yet; of one that the runtime has forgotten the log is all there is.
  const run = runsOf(observed, container).find(({ state }) => state !== 'created');
  const hasRun = reportedStatus(pod, container)?.containerID !== undefined;
  const latest = run?.attempt ?? (hasRun ? attempts[0] : undefined);
  const wanted = latest === undefined ? undefined : previous ? latest - 1 : latest;
  if (wanted !== undefined && attempts.includes(wanted)) return { file: `${folder}/${wanted}.log`, attempt: wanted };
  if (previous) {
    throw badRequest(`previous terminated container "${container}" in pod "${pod.metadata.name}" not found`);
  }
  throw badRequest(`container "${container}" in pod "${pod.metadata.name}" is ${whyWaiting(pod, container)}`);
}

function whyWaiting(pod: Pod, container: string): string {
  const reason = reportedStatus(pod, container)?.state?.waiting?.reason;
  if (reason === undefined) return 'not available';
  if (reason === 'ErrImagePull') return "waiting to start: image can't be pulled";
  if (reason === 'ImagePullBackOff') return 'waiting to start: trying and failing to pull image';
  return `waiting to start: ${reason}`;
}
