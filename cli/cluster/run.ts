/** Running other programs: to their end with their output, or kept on under the supervisor. */
import { spawn } from 'node:child_process';
import { openSync, closeSync, readFileSync, existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { demandCommand } from '#lib/env/command.ts';

const supervisor = fileURLToPath(new URL('../../deploy/supervise.sh', import.meta.url));
/** A log longer than this is set aside when its process starts anew. */
const maxLogBytes = 10 * 1024 * 1024;

/** Runs a program to its end; resolves with its standard output. Rejects with what it wrote to standard error. */
export function run(
  command: string,
  args: readonly string[],
  { input, timeoutMs = 60_000 }: { input?: string; timeoutMs?: number } = {},
): Promise<string> {
  return demandCommand(`run ${command} ${args.join(' ')}`, command, args, input, timeoutMs);
}

/** Starts a command under the supervisor unless one holds `stem` already, in `folder`. Its output is appended to `logFile`. */
export function supervise(stem: string, logFile: string, command: readonly string[], folder = '/'): void {
  mkdirSync(path.dirname(stem), { recursive: true });
  mkdirSync(path.dirname(logFile), { recursive: true });
  if (existsSync(logFile) && statSync(logFile).size > maxLogBytes) renameSync(logFile, `${logFile}.1`);
  const log = openSync(logFile, 'a');
  const child = spawn('/bin/sh', [supervisor, stem, ...command], {
    detached: true,
    stdio: ['ignore', log, log],
    cwd: folder,
  });
  child.unref();
  closeSync(log);
}

/** Whether a supervisor holds `stem`. */
export async function isSupervised(stem: string): Promise<boolean> {
  if (!existsSync(`${stem}.lock`)) return false;
  return run('flock', ['-n', `${stem}.lock`, 'true']).then(
    () => false,
    () => true,
  );
}

/** Ends the supervisor of `stem` and its command; resolves when both are gone, after `withinSeconds` by force. */
export async function endSupervised(stem: string, withinSeconds = 20): Promise<void> {
  if (!(await isSupervised(stem))) return endChild(stem);
  const pid = Number(readFileSync(`${stem}.pid`, 'utf8'));
  process.kill(pid, 'SIGTERM');
  try {
    await run('flock', ['-w', String(withinSeconds), `${stem}.lock`, 'true'], {
      timeoutMs: (withinSeconds + 10) * 1000,
    });
  } catch {
    // It ignored the request for so long: the same for both, without asking.
    process.kill(pid, 'SIGKILL');
    await endChild(stem);
  }
}

/** Has the supervisor of `stem` start its command anew; resolves when the one that ran is gone. */
export function restartSupervised(stem: string): Promise<void> {
  return endChild(stem);
}

/** Ends the command of `stem`, if it runs; one without a supervisor is not started again. */
async function endChild(stem: string): Promise<void> {
  if (!existsSync(`${stem}.child`)) return;
  const [pid, started] = readFileSync(`${stem}.child`, 'utf8').trim().split(' ');
  if (pid === undefined || started === undefined || startTimeOf(pid) !== started) return;
  process.kill(Number(pid), 'SIGTERM');
  await run('timeout', ['10', 'tail', `--pid=${pid}`, '-f', '/dev/null']).catch(() =>
    process.kill(Number(pid), 'SIGKILL'),
  );
}

/** Field 22 of /proc/PID/stat, in clock ticks after boot; undefined when there is no such process. */
function startTimeOf(pid: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')[19];
  } catch {
    return undefined;
  }
}
