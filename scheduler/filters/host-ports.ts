import type { HostPort } from '../cluster/pod-info.ts';
import type { NodeInfo } from '../cluster/node-info.ts';
import type { Filter } from './filter.ts';
import { notNow } from './filter.ts';

const refused = notNow("node(s) didn't have free ports for the requested pod ports");

/** Host ports must be free; 0.0.0.0 stands for every address (upstream: NodePorts). */
export const hostPorts: Filter = ({ uid, priority, shape }) => {
  if (shape.hostPorts.length === 0) return undefined;
  return (node) => (shape.hostPorts.some((port) => isTaken(node, port, uid, priority)) ? refused : undefined);
};

function isTaken(node: NodeInfo, wanted: HostPort, uid: string, priority: number): boolean {
  for (const { port } of node.hostPorts.values()) if (collide(wanted, port)) return true;
  for (const promised of node.nominated.values()) {
    if (promised.uid === uid || promised.priority < priority) continue;
    if (promised.shape.hostPorts.some((port) => collide(wanted, port))) return true;
  }
  return false;
}

function collide(a: HostPort, b: HostPort): boolean {
  return (
    a.port === b.port &&
    a.protocol === b.protocol &&
    (a.address === b.address || a.address === '0.0.0.0' || b.address === '0.0.0.0')
  );
}
