/** Logs outlive their pods for a while, for whoever asks why one ended; then, or when there are too many, the oldest go. */
import { lstat, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Env } from '#lib/env/env.ts';
import { logsLeft } from '../lifecycle/log-files.ts';
import type { Seen } from '../lifecycle/types.ts';
import type { LogLinks } from './log-links.ts';

export interface OldLogsOptions {
  env: Env;
  logDir: string;
  /** What is undefined for a pod that is gone: one from a file may have come back as it was. */
  pods: { seen(uid: string): unknown };
  keepMs?: number;
  maxPods?: number;
  maxBytes?: number;
}

const defaultKeepMs = 3600_000;
const defaultMaxPods = 100;
const defaultMaxBytes = 100 * 1024 * 1024;
const lookEachMs = 60_000;

/** Looks after the logs of pods that are gone, and after the links to logs, until aborted; failures are told and tried again the next time. */
export async function removeOldLogs(
  options: OldLogsOptions & { pods: { all(): Seen[] }; links?: LogLinks | undefined },
  signal: AbortSignal,
): Promise<void> {
  const { env, pods, links } = options;
  const look = async () => {
    await removeOldLogsOnce(options);
    await links?.tidy(pods.all().flatMap(({ observed }) => (observed ? [observed] : [])));
  };
  while (!signal.aborted) {
    await look().catch((error) => env.log.warn('Cannot remove old logs, trying again', { error }));
    await env.sleep(lookEachMs, signal).catch(() => {});
  }
}

/** Looks once. The logs of the pods that went last are kept: so many, of so many bytes, and none for longer than `keepMs`. */
export async function removeOldLogsOnce({
  env,
  logDir,
  pods,
  keepMs = defaultKeepMs,
  maxPods = defaultMaxPods,
  maxBytes = defaultMaxBytes,
}: OldLogsOptions): Promise<void> {
  const gone = (await logsLeft(logDir)).filter(({ uid }) => pods.seen(uid) === undefined);
  const newestFirst = gone.toSorted((a, b) => b.goneAt - a.goneAt);
  let bytes = 0;
  for (const [i, { folder, goneAt }] of newestFirst.entries()) {
    bytes += await bytesBelow(folder);
    if (i < maxPods && bytes <= maxBytes && env.now() - goneAt < keepMs) continue;
    await rm(folder, { recursive: true, force: true });
  }
}

async function bytesBelow(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true });
  const sizes = await Promise.all(entries.map(async (name) => (await lstat(path.join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
