/** What an evicted pod is told, in upstream's sentences, and what goes with the event. */
import { canonicalQuantity, formatQuantity, parseQuantity } from '#lib/meta/quantities.ts';
import type { PodUsage } from './rank.ts';
import { resourceOf, unitsIn } from './types.ts';
import type { Observations, StarvedResource, Threshold } from './types.ts';

const billion = 1_000_000_000n;

export interface EvictionText {
  message: string;
  annotations: Record<string, string>;
}

/** The text for one pod; containers that use more than they asked for are named. */
export function evictionText(
  resource: StarvedResource,
  { pod, containers }: PodUsage,
  act: readonly Threshold[],
  observations: Observations,
): EvictionText {
  const sentences = [`The node was low on resource: ${resource}. `];
  const threshold = act.find(({ signal }) => resourceOf[signal] === resource && observations[signal]);
  if (threshold) {
    const { available, capacity } = observations[threshold.signal]!;
    const wanted = formatAmount(resource, unitsIn(threshold.value, capacity), 'share' in threshold.value);
    sentences.push(`Threshold quantity: ${wanted}, available: ${formatAmount(resource, available)}. `);
  }
  const specs = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const over = containers.flatMap(({ name, memoryBytes, diskBytes }) => {
    const spec = specs.find((each) => each.name === name);
    if (!spec || (resource !== 'memory' && resource !== 'ephemeral-storage')) return [];
    const used = resource === 'memory' ? memoryBytes : diskBytes;
    const request = spec.resources?.requests?.[resource] ?? '0';
    if (BigInt(used) * billion <= parseQuantity(request)) return [];
    return [{ name, used: formatAmount(resource, used), request: canonicalQuantity(request) }];
  });
  for (const { name, used, request } of over) {
    sentences.push(
      `Container ${name} was using ${used}, request is ${request}, has larger consumption of ${resource}. `,
    );
  }
  return {
    message: sentences.join(''),
    annotations: {
      offending_containers: over.map(({ name }) => name).join(','),
      offending_containers_usage: over.map(({ used }) => used).join(','),
      starved_resource: resource,
    },
  };
}

/** Upstream counts inodes and processes by tens, but what it works out from a percentage by twos. */
function formatAmount(resource: StarvedResource, amount: number, isShare = false): string {
  const counted = resource === 'inodes' || resource === 'pids';
  return formatQuantity(BigInt(Math.floor(amount)) * billion, counted && !isShare ? 'decimal' : 'binary');
}
