/** At most so many at a time; the others wait in order, and may give up waiting. */
export function makeTurns(most: number): <T>(signal: AbortSignal, run: () => Promise<T>) => Promise<T> {
  const waiting = new Set<() => void>();
  let running = 0;
  const wait = (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const start = () => {
        waiting.delete(start);
        signal.removeEventListener('abort', giveUp);
        running += 1;
        resolve();
      };
      const giveUp = () => {
        waiting.delete(start);
        reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
      };
      signal.addEventListener('abort', giveUp, { once: true });
      waiting.add(start);
    });
  return async (signal, run) => {
    signal.throwIfAborted();
    if (running >= most || waiting.size > 0) await wait(signal);
    else running += 1;
    try {
      return await run();
    } finally {
      running -= 1;
      const [next] = waiting;
      next?.();
    }
  };
}
