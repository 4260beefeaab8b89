import { isZero } from '../cluster/resources.ts';
import type { NodeInfo } from '../cluster/node-info.ts';
import type { Filter } from './filter.ts';
import { notNow } from './filter.ts';

/**
 * Requests must fit into what is allocatable and not yet requested, counting pods that were promised room here at the
 * same or a higher priority (upstream: NodeResourcesFit).
 */
export const resources: Filter = ({ uid, priority, shape }) => {
  const need = shape.requests;
  const wantsNothing = isZero(need);
  return (node) => {
    const used = node.nominated.size === 0 ? node : withPromised(node, uid, priority);
    const { allocatable } = node;
    let reasons: string[] | undefined;
    if (used.pods.size + 1 > node.podLimit) reasons = ['Too many pods'];
    if (wantsNothing) return reasons && notNow(...reasons);
    if (need.cpuMillis > 0 && need.cpuMillis > allocatable.cpuMillis - used.cpuMillis)
      (reasons ??= []).push('Insufficient cpu');
    if (need.memoryBytes > 0 && need.memoryBytes > allocatable.memoryBytes - used.memoryBytes)
      (reasons ??= []).push('Insufficient memory');
    if (need.ephemeralBytes > 0 && need.ephemeralBytes > allocatable.ephemeralBytes - used.ephemeralBytes)
      (reasons ??= []).push('Insufficient ephemeral-storage');
    for (const [name, amount] of need.extended)
      if (amount > (allocatable.extended.get(name) ?? 0) - (used.extended.get(name) ?? 0))
        (reasons ??= []).push(`Insufficient ${name}`);
    return reasons && notNow(...reasons);
  };
};

interface Used {
  pods: { size: number };
  cpuMillis: number;
  memoryBytes: number;
  ephemeralBytes: number;
  extended: ReadonlyMap<string, number>;
}

function withPromised(node: NodeInfo, uid: string, priority: number): Used {
  const extended = new Map(node.extended);
  const used = {
    pods: { size: node.pods.size },
    cpuMillis: node.cpuMillis,
    memoryBytes: node.memoryBytes,
    ephemeralBytes: node.ephemeralBytes,
    extended,
  };
  for (const promised of node.nominated.values()) {
    if (promised.uid === uid || promised.priority < priority || node.pods.has(promised.uid)) continue;
    const { requests } = promised.shape;
    used.pods.size++;
    used.cpuMillis += requests.cpuMillis;
    used.memoryBytes += requests.memoryBytes;
    used.ephemeralBytes += requests.ephemeralBytes;
    for (const [name, amount] of requests.extended) extended.set(name, (extended.get(name) ?? 0) + amount);
  }
  return used;
}
