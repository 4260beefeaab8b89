/** When each node was last heard of, on our own clock: nodes' clocks may be wrong, so only changes of their times count. */

export interface Heartbeats {
  /** Notes a time that a node has written, of one sort (its lease, its status); only a later one of that sort means life. */
  heard(node: string, sort: string, time: string): void;
  /** Milliseconds since something new was heard; 0 at the first question about a node. */
  silentMs(node: string): number;
  forget(node: string): void;
}

/** `clock` gives milliseconds and never steps back. */
export function makeHeartbeats(clock: () => number): Heartbeats {
  const last = new Map<string, { times: Map<string, string>; at: number }>();
  const of = (node: string) => last.getOrInsertComputed(node, () => ({ times: new Map(), at: clock() }));
  return {
    heard(node, sort, time) {
      const entry = of(node);
      // Of a change both sides are told; the older one must not pass for something new.
      if (time <= (entry.times.get(sort) ?? '')) return;
      entry.times.set(sort, time);
      entry.at = clock();
    },
    silentMs: (node) => clock() - of(node).at,
    forget: (node) => void last.delete(node),
  };
}
