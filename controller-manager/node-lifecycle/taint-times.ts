/** Since when nodes have taints that do not say so themselves: those that users add. Lost with the process, and counted anew then, as upstream. */
import type { Node, Taint } from '#lib/kinds/gen/core-v1.ts';

export interface TaintTimes {
  /** Takes the taints of a node as they are at `now`, in milliseconds since the epoch; tells when each was first seen. */
  look(node: Node, now: number): (taint: Taint) => number;
  forget(node: string): void;
}

export function makeTaintTimes(): TaintTimes {
  /** By node, then by taint: as many as there are. */
  const nodes = new Map<string, Map<string, number>>();
  return {
    look({ metadata: { name }, spec: { taints = [] } }, now) {
      const before = nodes.get(name);
      const seen = new Map(taints.map(textOf).map((text) => [text, before?.get(text) ?? now]));
      if (seen.size > 0) nodes.set(name, seen);
      else nodes.delete(name);
      return (taint) => seen.get(textOf(taint)) ?? now;
    },
    forget: (node) => void nodes.delete(node),
  };
}

function textOf({ key, value = '', effect }: Taint): string {
  return `${key}=${value}:${effect}`;
}
