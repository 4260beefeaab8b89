/** Runs commands in running containers. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { Env } from '#lib/env/env.ts';
import { StartError } from '../types.ts';
import type { Executor, StreamSession, StreamSink } from '../types.ts';
import { describeFailure } from './conmon.ts';
import { containerFolders } from './folders.ts';
import type { OciSpec } from './oci-types.ts';
import { readPidFile, signalProcess } from './process-table.ts';
import { findContainer } from './workshop.ts';
import type { ContainerEntry, Workshop } from './workshop.ts';

export const bridge = path.join(import.meta.dirname, 'bridge.pl');
const mostOutputBytes = 64 * 1024;
const timedOutCode = 124;
const sigkill = 9;
/** Input that the command has not read yet; a client that sends more in spite of that loses the session. */
const mostWaitingBytes = 16 * 1024 * 1024;

export function makeExecutor(shop: Workshop): Executor {
  /**
   * Starts a command with the container's own user, capabilities, limits and variables. `exited` rejects with StartError when the command could not
   * be started, otherwise with nothing.
   */
  function start(
    container: ContainerEntry,
    command: readonly string[],
    options: { tty: boolean; stdin: boolean; env?: string[] },
    sink: StreamSink,
  ): StreamSession {
    const { id, podUid } = container.record;
    const key = path.join(shop.folders.exec, shop.env.uuid());
    const files = { process: `${key}.json`, pid: `${key}.pid`, log: `${key}.log` };
    const { process: own } = JSON.parse(
      readFileSync(containerFolders(shop.folders, podUid, id).config, 'utf8'),
    ) as OciSpec;
    const isTerminalNamed = own.env.some((line) => line.startsWith('TERM='));
    const process = {
      ...own,
      terminal: options.tty,
      args: command,
      env: [...own.env, ...(options.tty && !isTerminalNamed ? ['TERM=xterm'] : []), ...(options.env ?? [])],
    };
    writeFileSync(files.process, JSON.stringify(process), { mode: 0o600 });
    const crun = [
      shop.programs.crun,
      `--root=${shop.folders.crun}`,
      '--cgroup-manager=cgroupfs',
      `--log=file:${files.log}`,
      'exec',
      ...(options.tty ? ['--tty'] : []),
      `--pid-file=${files.pid}`,
      `--process=${files.process}`,
      id,
    ];
    const child = spawn('perl', [bridge, options.tty ? 'terminal' : 'run', String(own.oomScoreAdj), ...crun], {
      stdio: [options.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe', 'pipe'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    });
    const hasBegun = () => readPidFile(files.pid) !== undefined;
    const errors = withheld(sink.stderr, hasBegun, shop.env);
    const ended = deliver(child, { ...sink, stderr: errors.write }).then((code) => {
      // Without a process id no command was started, and the exit code is crun's own.
      if (code !== 0 && !hasBegun()) throw startFailure(files.log, command);
      errors.release();
      return code;
    });
    const exited = ended.finally(() => {
      for (const file of Object.values(files)) rmSync(file, { force: true });
    });
    return streamSession(child, exited, () => {
      const pid = readPidFile(files.pid);
      if (pid !== undefined) signalProcess(pid, sigkill);
      else child.kill('SIGKILL');
    });
  }

  return {
    async exec(id, command, options, sink) {
      return start(running(shop, id), command, options, sink);
    },
    async execSync(id, command, timeoutMs) {
      const chunks: Buffer[] = [];
      let size = 0;
      const collect = (data: Buffer) => {
        if (size < mostOutputBytes) chunks.push(data);
        size += data.length;
      };
      const session = start(
        running(shop, id),
        command,
        { tty: false, stdin: false },
        { stdout: collect, stderr: collect },
      );
      let timedOut = false;
      const cancel = shop.env.after(timeoutMs, () => {
        timedOut = true;
        session.kill();
      });
      try {
        const code = await session.exited.catch((error: unknown) => {
          if (timedOut) return timedOutCode;
          throw error;
        });
        const output = Buffer.concat(chunks).toString('utf8', 0, mostOutputBytes);
        return { exitCode: timedOut ? timedOutCode : code, output, timedOut };
      } finally {
        cancel();
      }
    },
  };
}

/** The container, which must run. */
export function running(shop: Workshop, id: string): ContainerEntry {
  const found = findContainer(shop, id);
  if (!found) throw new Error(`container ${id} not found`);
  if (!found.container.record.started || found.container.exit) throw new Error(`container ${id} is not running`);
  return found.container;
}

/** Hands on what the child writes; resolves with its exit code after the last byte. No process but the child holds its streams, so they end with it. */
export function deliver(child: ChildProcess, sink: StreamSink): Promise<number> {
  handOn(child.stdout, sink.stdout);
  handOn(child.stderr, sink.stderr);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 128 + sigkill));
  });
}

/** Reads on only when the reader has taken what it was given: the pipe fills up, and the program waits. */
function handOn(from: Readable | null, to: StreamSink['stdout']): void {
  from?.on('data', (data: Buffer) => {
    const taken = to(data);
    if (!taken) return;
    from.pause();
    const goOn = () => from.resume();
    taken.then(goOn, goOn);
  });
}

/** A session over the bridge's streams. */
export function streamSession(child: ChildProcess, exited: Promise<number>, kill: () => void): StreamSession {
  const sizes = child.stdio[3] as Writable | null | undefined;
  // Writing to a program that has ended is no fault: its exit tells.
  for (const stream of [child.stdin, sizes]) stream?.on('error', () => {});
  return {
    write(data) {
      if (!child.stdin || child.stdin.writableEnded) return;
      const { stdin } = child;
      if (stdin.write(data)) return;
      if (stdin.writableLength > mostWaitingBytes) kill();
      return new Promise((resolve) => {
        const goOn = () => {
          for (const event of ['drain', 'close']) stdin.off(event, goOn);
          resolve();
        };
        for (const event of ['drain', 'close']) stdin.once(event, goOn);
      });
    },
    closeStdin: () => void child.stdin?.end(),
    resize(width, height) {
      if (sizes && !sizes.writableEnded) sizes.write(`${height} ${width}\n`);
    },
    exited,
    kill,
  };
}

/** How long the first errors of a command are held: crun either ends or says that the command has begun in less. */
const withheldMs = 100;

/** Until the command has begun, what is on its stream of errors is crun's own complaint, which its log has too: it is held back. */
function withheld(
  write: StreamSink['stderr'],
  hasBegun: () => boolean,
  env: Env,
): { write: StreamSink['stderr']; release(): void } {
  let held: Buffer[] | undefined = [];
  const release = () => {
    const waiting = held ?? [];
    held = undefined;
    for (const data of waiting) void write(data);
  };
  return {
    release,
    write(data) {
      if (held && !hasBegun()) {
        if (held.length === 0) env.after(withheldMs, release);
        held.push(data);
        return;
      }
      release();
      return write(data);
    },
  };
}

function startFailure(logFile: string, command: readonly string[]): StartError {
  const log = existsSync(logFile) ? readFileSync(logFile, 'utf8') : '';
  const last = log.trim().split('\n').at(-1) ?? '';
  // crun dates its lines: `2026-01-01T00:00:00.000000Z: sentence`.
  const said = last.replace(/^\S+Z: /, '');
  return new StartError(
    'RunContainerError',
    describeFailure(said, command).replace('create container', 'exec in container'),
  );
}
