/** Puts into upstream's words why a pod fits nowhere. */
import type { NoFit } from './place.ts';

/** What evicting other pods could do: nothing said, or its own reasons per node. */
export type PreemptionNote = { said: string } | { reasons: ReadonlyMap<string, number> } | undefined;

/** How many nodes have each reason. */
function countReasons(noFit: NoFit): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { reasons } of noFit.byNode.values()) for (const reason of reasons) add(counts, reason, 1);
  if (noFit.others) for (const reason of noFit.others.refusal.reasons) add(counts, reason, noFit.others.count);
  return counts;
}

/**
 * `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. preemption: ...`: reasons with their counts,
 * sorted as text, as upstream's FitError writes them.
 */
export function explain(noFit: NoFit, preemption?: PreemptionNote): string {
  if (noFit.nodes === 0) return 'no nodes available to schedule pods';
  const text = sentence(
    noFit.nodes,
    noFit.everywhere ? noFit.everywhere.reasons.join(', ') : listed(countReasons(noFit)),
  );
  if (!preemption) return text;
  const note = 'said' in preemption ? preemption.said : sentence(noFit.nodes, listed(preemption.reasons));
  return `${text} preemption: ${note}`;
}

function sentence(nodes: number, reasons: string): string {
  const head = `0/${nodes} nodes are available:`;
  return reasons === '' ? head : `${head} ${reasons}.`;
}

function listed(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(', ');
}

function add(counts: Map<string, number>, reason: string, count: number): void {
  counts.set(reason, (counts.get(reason) ?? 0) + count);
}
