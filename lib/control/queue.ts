/** The work queue of one process. */
import type { Env } from '#lib/env/env.ts';
import { makeKeyBackoff } from './backoff.ts';
import { makeDelays } from './delays.ts';
import type { Job, WorkQueue } from './types.ts';

/** Taken keys are cut off the front in lumps of at least this many, so that taking one costs the same in any length. */
const compactAt = 1024;

/** Makes a queue within this process. */
export function makeWorkQueue(env: Env): WorkQueue {
  const order: string[] = [];
  let head = 0;
  const waiting = new Set<string>();
  const again = new Set<string>();
  const active = new Set<string>();
  const backoff = makeKeyBackoff();
  const stopping = new AbortController();
  let process: ((job: Job) => Promise<void>) | undefined;
  let workers = 0;
  let scheduled = false;
  let idle: (() => void) | undefined;

  function add(key: string): void {
    if (stopping.signal.aborted) return;
    if (active.has(key)) {
      again.add(key);
      return;
    }
    if (waiting.has(key)) return;
    waiting.add(key);
    order.push(key);
    schedule();
  }

  /** Workers start after the caller is done, never within its call. */
  function schedule(): void {
    if (scheduled || !process) return;
    scheduled = true;
    queueMicrotask(() => {
      scheduled = false;
      while (active.size < workers && waiting.size > 0 && !stopping.signal.aborted) void work(take());
    });
  }

  function take(): string {
    const key = order[head++]!;
    waiting.delete(key);
    if (head >= compactAt && head * 2 >= order.length) {
      order.splice(0, head);
      head = 0;
    }
    return key;
  }

  async function work(key: string): Promise<void> {
    active.add(key);
    try {
      // Within one process there is one view, and the shell keeps the key until that view has seen its writes.
      await process!({ key, signal: stopping.signal, after: 0n, wrote: () => {} });
      backoff.forget(key);
    } catch {
      // The processor has already told of its failure; here it only means to try again later.
      delays.add(key, backoff.next(key));
    }
    active.delete(key);
    if (again.delete(key)) add(key);
    if (active.size === 0) idle?.();
    schedule();
  }

  const delays = makeDelays(env, add);
  return {
    add,
    addAfter: (key, delayMs) => void (stopping.signal.aborted || delays.add(key, delayMs)),
    run(count, handler) {
      workers = count;
      process = handler;
      schedule();
    },
    length: () => waiting.size,
    async stop() {
      stopping.abort(new Error('The work queue stops'));
      if (active.size > 0) await new Promise<void>((resolve) => (idle = resolve));
      delays.clear();
    },
  };
}
