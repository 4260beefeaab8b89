/**
 * The files in which containers see their own limits instead of the machine's (`honestProc`), served by lxcfs: one process for the node, which outlives the agent
 * as containers do. When it dies, containers get the kernel's files back, and the honest ones again as soon as there is another.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, closeSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from '#lib/env/command.ts';
import type { Env } from '#lib/env/env.ts';
import { honestFiles } from './honest-list.ts';
import { demandLxcfs } from './lxcfs.ts';
import { mountsBelow } from './mount-table.ts';
import { readProc, signalProcess } from './process-table.ts';

export interface HonestFilesParts {
  env: Env;
  /** Of this node alone, made anew at each start of the machine. */
  folder: string;
  lxcfs: string;
  /** A process of each container that has these files. */
  holders(): number[];
}

export interface HonestFiles {
  /** Where the files lie now; undefined while nobody serves them. */
  source(): string | undefined;
  /** Counts who has served. A container made while this changed may have got dead files, or none: renew() mends that. */
  turn(): number;
  /** Gives all holders the files they should have. Rejects when lxcfs does not answer. */
  renew(): Promise<void>;
  /** Leaves lxcfs alone from now on. */
  stop(): void;
}

type Change = 'attach' | 'detach';

const script = fileURLToPath(new URL('honest-files.pl', import.meta.url));
const mountedWithinMs = 5000;
const lookEachMs = 20;
const firstPauseMs = 100;
const longestPauseMs = 30_000;
/** How long lxcfs may take to end when asked. */
const endWithinSeconds = 3;
const [sigterm, sigkill] = [15, 9];

/** Starts lxcfs, or takes over the one that runs, and keeps one running until stop(). Resolves when it serves, or has failed to for the first time. */
export async function serveHonestFiles(parts: HonestFilesParts): Promise<HonestFiles> {
  const { env, folder } = parts;
  demandLxcfs(parts.lxcfs);
  const stopping = new AbortController();
  let serving = false;
  let turn = 0;
  let pauseMs = firstPauseMs;

  /** A container that cannot be given them is no reason to take them from the others. */
  async function give(what: Change): Promise<void> {
    const complaint = await change(what, parts);
    if (complaint !== undefined) env.log.warn(`Cannot ${what} the files of lxcfs to some containers`, { complaint });
  }

  async function serve(): Promise<void> {
    try {
      if (!(await isServed(folder))) await begin(parts);
      serving = true;
      turn++;
      // Those that run got the kernel's files back when the last lxcfs died, or still have dead ones.
      await give('attach');
      pauseMs = firstPauseMs;
    } catch (error) {
      env.log.warn('Cannot show containers their own limits, trying again', { error });
      serving = false;
      await end(folder);
    }
  }

  async function keepServing(): Promise<void> {
    while (!stopping.signal.aborted) {
      if (serving) await ended(folder, stopping.signal);
      if (stopping.signal.aborted) return;
      if (serving) {
        env.log.warn('lxcfs has ended; containers see the limits of the machine until another one serves');
        serving = false;
        turn++;
        await give('detach').catch((error: unknown) =>
          env.log.warn('Cannot give containers the files of the kernel back', { error }),
        );
      }
      await env.sleep(pauseMs, stopping.signal).catch(() => {});
      pauseMs = Math.min(2 * pauseMs, longestPauseMs);
      if (!stopping.signal.aborted) await serve();
    }
  }

  await serve();
  keepServing().catch((error: unknown) => env.log.error('Nobody looks after lxcfs any more', { error }));
  return {
    source: () => (serving ? pointOf(folder) : undefined),
    turn: () => turn,
    renew: () => give(serving ? 'attach' : 'detach'),
    stop: () => stopping.abort(new Error('The runtime closes')),
  };
}

/** Gives containers the kernel's files back and ends lxcfs, if it runs; leaves it to those that cannot be given them. */
export async function endHonestFiles(parts: Pick<HonestFilesParts, 'env' | 'folder' | 'holders'>): Promise<void> {
  if (!existsSync(parts.folder)) return;
  const complaint = await change('detach', parts);
  if (complaint !== undefined) {
    return parts.env.log.warn('Cannot end lxcfs, as containers need its files still', { complaint });
  }
  await end(parts.folder);
  rmSync(parts.folder, { recursive: true, force: true });
}

const pointOf = (folder: string) => path.join(folder, 'files');
const lockOf = (folder: string) => path.join(folder, 'lock');

/** It holds its lock for as long as it lives; what it serves shows in the mounts. */
async function isServed(folder: string): Promise<boolean> {
  return (await isLocked(folder)) && isMounted(folder);
}

async function isLocked(folder: string): Promise<boolean> {
  if (!existsSync(lockOf(folder))) return false;
  return (await runCommand('flock', ['--nonblock', lockOf(folder), 'true'])).exitCode !== 0;
}

function isMounted(folder: string): boolean {
  return mountsBelow(folder).includes(pointOf(folder));
}

/** Starts lxcfs, in place of what may be left of another. */
async function begin({ env, folder, lxcfs }: HonestFilesParts): Promise<void> {
  await end(folder);
  mkdirSync(pointOf(folder), { recursive: true, mode: 0o755 });
  const log = openSync(path.join(folder, 'log'), 'w');
  const own = ['--foreground', '--enable-loadavg', '--enable-cfs', `--pidfile=${folder}/pid`, pointOf(folder)];
  const child = spawn('flock', ['--no-fork', '--nonblock', lockOf(folder), lxcfs, ...own], {
    detached: true,
    stdio: ['ignore', log, log],
    cwd: '/',
  });
  closeSync(log);
  let fault: Error | undefined;
  child.on('error', (error) => (fault = error));
  child.on('exit', (code, signal) => (fault = new Error(`lxcfs ended with ${signal ?? code}; see ${folder}/log`)));
  child.unref();
  const deadline = env.monotonic() + mountedWithinMs;
  // What a child mounts the kernel tells nobody but who looks.
  while (!isMounted(folder)) {
    if (fault) throw fault;
    if (env.monotonic() > deadline) throw new Error(`lxcfs serves nothing after ${mountedWithinMs} ms`);
    await env.sleep(lookEachMs);
  }
}

/** Resolves when lxcfs has ended: the kernel gives its lock to who waits for it. Should the agent die, so does who waits. */
function ended(folder: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const waiter = spawn('setpriv', ['--pdeathsig', 'KILL', 'flock', lockOf(folder), 'true'], { stdio: 'ignore' });
    const stop = () => waiter.kill('SIGKILL');
    signal.addEventListener('abort', stop, { once: true });
    waiter.on('error', reject);
    waiter.on('exit', () => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
  });
}

async function end(folder: string): Promise<void> {
  for (const [signal, seconds] of [
    [sigterm, endWithinSeconds],
    [sigkill, endWithinSeconds],
  ] as const) {
    if (!(await isLocked(folder))) break;
    for (const pid of servers(folder)) signalProcess(pid, signal);
    await runCommand('flock', [`--timeout=${seconds}`, lockOf(folder), 'true']);
  }
  if (await isLocked(folder)) throw new Error(`Cannot end lxcfs of ${folder}`);
  for (const point of mountsBelow(folder)) await runCommand('umount', ['--lazy', point]);
}

/** The processes, or the one, that serve these files. */
function servers(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => readProc(pid, 'cmdline').split('\0').includes(`--pidfile=${folder}/pid`));
}

/** Resolves to what went wrong in single containers. Rejects when it does not come to an end: lxcfs does not answer. */
async function change(
  what: Change,
  { folder, holders }: Pick<HonestFilesParts, 'folder' | 'holders'>,
): Promise<string | undefined> {
  const pids = holders();
  if (pids.length === 0) return undefined;
  const args = [script, what, pointOf(folder), ...pids.map(String)];
  const { exitCode, stderr } = await runCommand('perl', args, honestFiles.join('\n'));
  if (exitCode > 1) throw new Error(`Cannot ${what} the files of lxcfs: ${stderr.trim() || `code ${exitCode}`}`);
  return exitCode === 0 ? undefined : stderr.trim();
}
