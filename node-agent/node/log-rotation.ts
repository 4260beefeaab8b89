/** Keeps container logs small, as the kubelet does: a log that has grown is put aside, and its container begins a new one. */
import { readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Env } from '#lib/env/env.ts';
import type { Seen } from '../lifecycle/types.ts';
import type { LogReopener } from '../runtime/types.ts';
import { logLimits } from './log-limits.ts';

export interface RotationOptions {
  env: Env;
  runtime: LogReopener;
  pods: { all(): Seen[] };
  maxBytes?: number;
  /** The one being written among them. */
  maxFiles?: number;
}

const lookEachMs = 10_000;

/** Looks after the logs of what runs until aborted. */
export async function rotateLogs(options: RotationOptions, signal: AbortSignal): Promise<void> {
  const { env } = options;
  while (!signal.aborted) {
    await env.sleep(lookEachMs, signal).catch(() => {});
    if (signal.aborted) return;
    await rotateOnce(options);
  }
}

/** Looks once; failures are told and tried again the next time. */
export async function rotateOnce({
  env,
  runtime,
  pods,
  maxBytes = logLimits.maxBytes,
  maxFiles = logLimits.maxFiles,
}: RotationOptions): Promise<void> {
  const running = pods.all().flatMap(({ observed }) => observed?.containers ?? []);
  for (const { id, state, logPath } of running) {
    if (state !== 'running') continue;
    try {
      const size = await sizeOf(logPath);
      if (size !== undefined && size < maxBytes) continue;
      // A log that is missing was put aside by an agent that then died: its container still writes to the old one.
      if (size !== undefined) await rename(logPath, `${logPath}.${stampOf(env.now())}`);
      await runtime.reopenLog(id);
      await removeOldest(logPath, maxFiles - 1);
    } catch (error) {
      env.log.warn('Cannot rotate log, trying again later', { logPath, error });
    }
  }
}

async function sizeOf(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Names of old logs sort by age. */
async function removeOldest(logPath: string, keep: number): Promise<void> {
  const folder = path.dirname(logPath);
  const prefix = `${path.basename(logPath)}.`;
  const old = (await readdir(folder)).filter((name) => name.startsWith(prefix)).toSorted((a, b) => (a < b ? 1 : -1));
  for (const name of old.slice(keep)) await rm(path.join(folder, name), { force: true });
}

function stampOf(now: number): string {
  return new Date(now).toISOString().replaceAll(/[-:T]/g, '').slice(0, 18);
}
