/** Many callers, one run. */

export interface Flights<T> {
  /** Joins the run with this key, or starts it. A caller that aborts leaves; when the last has left, the run is aborted. */
  share(key: string, signal: AbortSignal, run: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

interface Flight<T> {
  result: Promise<T>;
  control: AbortController;
  passengers: number;
}

export function makeFlights<T>(): Flights<T> {
  const flights = new Map<string, Flight<T>>();
  return {
    async share(key, signal, run) {
      signal.throwIfAborted();
      let flight = flights.get(key);
      if (!flight) {
        const control = new AbortController();
        const started: Flight<T> = { control, passengers: 0, result: run(control.signal) };
        const land = () => {
          if (flights.get(key) === started) flights.delete(key);
        };
        started.result.then(land, land);
        flights.set(key, started);
        flight = started;
      }
      flight.passengers += 1;
      const left = abortOf(signal);
      try {
        return await Promise.race([flight.result, left.promise]);
      } finally {
        left.forget();
        flight.passengers -= 1;
        if (flight.passengers === 0) {
          // Nobody may join a run that is being aborted.
          if (flights.get(key) === flight) flights.delete(key);
          flight.control.abort(new Error('nobody waits for it any more'));
        }
      }
    },
  };
}

function abortOf(signal: AbortSignal): { promise: Promise<never>; forget(): void } {
  let forget = () => {};
  const promise = new Promise<never>((_resolve, reject) => {
    const onAbort = () => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    signal.addEventListener('abort', onAbort, { once: true });
    forget = () => signal.removeEventListener('abort', onAbort);
  });
  return { promise, forget };
}

/** Runs `work` for each item, at most `width` at a time. The first failure aborts the others, and rejects once all have ended. */
export async function mapBounded<A>(
  items: readonly A[],
  width: number,
  signal: AbortSignal,
  work: (item: A, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const control = new AbortController();
  const either = AbortSignal.any([signal, control.signal]);
  let failure: { error: unknown } | undefined;
  const waiting = items.values();
  const worker = async () => {
    for (const item of waiting) {
      if (failure) return;
      try {
        await work(item, either);
      } catch (error) {
        failure ??= { error };
        control.abort(new Error('another part has failed'));
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
  if (failure) throw failure.error;
}
