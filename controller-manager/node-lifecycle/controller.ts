/** Wires the watch over nodes' health, and the eviction of pods from tainted ones. */
import { watch } from '#lib/control/reconcile.ts';
import type { Controller } from '#lib/control/reconcile.ts';
import type { Lease } from '#lib/kinds/gen/coordination-v1.ts';
import type { Node } from '#lib/kinds/gen/core-v1.ts';
import { lease } from '#lib/kinds/lease.ts';
import { node } from '#lib/kinds/node.ts';
import { pod } from '#lib/kinds/pod.ts';
import { conditionOf } from '#lib/meta/conditions.ts';
import type { Timings } from '../timings.ts';
import { disruptionOf } from './disruption.ts';
import { decide as evict } from './eviction.ts';
import type { Seen as EvictionSeen } from './eviction.ts';
import { decide as judge } from './health.ts';
import type { Seen as HealthSeen } from './health.ts';
import { makeHeartbeats } from './heartbeats.ts';
import { makeTaintTimes } from './taint-times.ts';

const leaseNamespace = 'kube-node-lease';

/** Makes the controller of nodes' conditions and taints. `clock` gives milliseconds and never steps back. */
export function makeNodeLifecycleController(timings: Timings, clock: () => number): Controller<HealthSeen> {
  const { nodeGraceMs: graceMs, nodeCheckMs: checkMs } = timings;
  const heartbeats = makeHeartbeats(clock);
  const silent = new Set<string>();
  const hearLease = ({ metadata, spec }: Lease): string[] => {
    if (metadata.namespace !== leaseNamespace) return [];
    heartbeats.heard(metadata.name, 'lease', spec.renewTime ?? '');
    // Thousands of leases change all the time; only a node that was given up needs a look for that.
    return silent.has(metadata.name) ? [metadata.name] : [];
  };
  const hearNode = (object: Node): string[] => {
    const { name } = object.metadata;
    heartbeats.heard(name, 'status', lastHeartbeat(object));
    return [name];
  };
  return {
    name: 'node-controller',
    watches: [watch(node, hearNode), watch(lease, hearLease)],
    see(key, { view, now }) {
      const object = view.get(node, { namespace: '', name: key });
      if (!object) {
        heartbeats.forget(key);
        silent.delete(key);
        return undefined;
      }
      const silentMs = heartbeats.silentMs(key);
      if (silentMs >= graceMs) silent.add(key);
      else silent.delete(key);
      return {
        node: object,
        pods: view.indexed(pod, 'podsByNode', key),
        silentMs,
        graceMs,
        checkMs,
        disruption: disruptionOf(object, view.list(node), (name) => heartbeats.silentMs(name) >= graceMs),
        now,
      };
    },
    decide: judge,
  };
}

export function makeTaintEvictionController(): Controller<EvictionSeen> {
  const times = makeTaintTimes();
  const isTainted = (object: Node | undefined) => object?.spec.taints?.some(({ effect }) => effect === 'NoExecute');
  return {
    name: 'taint-eviction-controller',
    watches: [
      // Also of what has just lost its taints: should they come back, they are new.
      watch(
        node,
        ({ metadata }) => [metadata.name],
        ({ before, object }) => [before, object].some(isTainted),
      ),
      watch(
        pod,
        ({ spec }) => (spec.nodeName ? [spec.nodeName] : []),
        ({ before, object }) => before?.spec.nodeName !== object?.spec.nodeName,
      ),
    ],
    see(key, { view, now }) {
      const object = view.get(node, { namespace: '', name: key });
      if (object)
        return { node: object, pods: view.indexed(pod, 'podsByNode', key), seenSince: times.look(object, now), now };
      times.forget(key);
      return undefined;
    },
    decide: evict,
  };
}

function lastHeartbeat({ status }: Node): string {
  return conditionOf(status?.conditions, 'Ready')?.lastHeartbeatTime ?? '';
}
