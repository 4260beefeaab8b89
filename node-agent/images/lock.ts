/**
 * Locks among processes that share one store: nodes on one machine, and the CLI beside them. Node cannot flock(2), so a child does; the
 * kernel frees the lock when the child ends, which it does when we do, even by kill -9, because its stdin ends.
 */
import { spawn } from 'node:child_process';

export interface LockRequest {
  file: string;
  mode: 'shared' | 'exclusive';
}

export interface Lock {
  release(): Promise<void>;
}

const busyCode = 75;

/** Takes the locks in order, waiting as long as it needs; rejects when aborted. */
export async function takeLocks(requests: readonly LockRequest[], signal?: AbortSignal): Promise<Lock> {
  const lock = await start(requests, [], signal);
  if (!lock) throw new Error(`Cannot lock ${requests.map(({ file }) => file).join(', ')}`);
  return lock;
}

/** Takes the lock if nobody holds it, or resolves to undefined. */
export function tryLock(request: LockRequest): Promise<Lock | undefined> {
  return start([request], ['--nonblock'], undefined);
}

function start(
  requests: readonly LockRequest[],
  flags: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Lock | undefined> {
  signal?.throwIfAborted();
  // `flock A flock B ... sh`: each holds its lock while the next one runs. One byte says that all is locked; then it waits for its stdin to end.
  const commands = requests.map(({ file, mode }) => [`--${mode}`, ...flags, `--conflict-exit-code=${busyCode}`, file]);
  const words = [...commands.flatMap((command) => [...command, 'flock']).slice(0, -1), 'sh', '-c', 'echo; exec cat'];
  const child = spawn('flock', words, { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', resolve);
  });
  child.stdin.on('error', () => {
    // The child is gone; its exit tells.
  });
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      child.stdin.destroy();
      child.kill('SIGKILL');
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    child.stdout.once('data', () => {
      signal?.removeEventListener('abort', onAbort);
      resolve({
        async release() {
          child.stdin.end();
          await exited;
        },
      });
    });
    exited.then((code) => {
      if (signal?.aborted) reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
      else if (code === busyCode) resolve(undefined);
      else reject(new Error(`Cannot lock ${requests.map(({ file }) => file).join(', ')}: flock ended with ${code}`));
    }, reject);
  });
}
