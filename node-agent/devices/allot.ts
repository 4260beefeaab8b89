/** Who gets which devices: upstream's rules (`pkg/kubelet/cm/devicemanager/manager.go`), in its words. Pure. */
import type { Container, Pod } from '#lib/kinds/gen/core-v1.ts';
import { unitsOf } from '#lib/meta/quantities.ts';
import type { Grant, Pools } from './types.ts';

/** What a container asks for of one resource. */
export interface Ask {
  uid: string;
  container: string;
  resource: string;
  count: number;
}

/** What can be said before the plug-in is asked which it prefers. */
export type Prospect =
  /** The container has them. */
  | { is: 'had' }
  | { is: 'refused'; message: string }
  /** `must` were those of init containers that are over by then; the rest comes from `free`. */
  | { is: 'open'; must: readonly string[]; free: readonly string[] };

/** What a pod's containers ask for of resources that plug-ins give, in the order it is given: init containers first. */
export function asksOf(pod: Pod, keeps: (resource: string) => boolean): Ask[] {
  const { uid } = pod.metadata;
  return inOrder(pod).flatMap(({ name, resources }) =>
    Object.entries(resources?.limits ?? {})
      .filter(([resource]) => keeps(resource))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([resource, amount]) => ({ uid, container: name, resource, count: unitsOf(amount) }))
      .filter(({ count }) => count > 0),
  );
}

/** Whether a container asks for devices that it has not been given. */
export function isUnmet({ uid, container, resource }: Ask, grants: readonly Grant[]): boolean {
  return !grants.some((grant) => isFor(grant, uid, container) && grant.resource === resource);
}

/** What can be given to a container of a pod, whose earlier containers have been given theirs. */
export function prospectOf(ask: Ask, pod: Pod, pools: Pools, grants: readonly Grant[]): Prospect {
  const { uid, container, resource, count } = ask;
  const had = grants.find((grant) => isFor(grant, uid, container) && grant.resource === resource);
  if (had && had.devices.length !== count) {
    return refuse(
      `pod "${uid}" container "${container}" changed request for resource "${resource}" from ${had.devices.length} to ${count}`,
    );
  }
  if (had) return { is: 'had' };
  const pool = pools.get(resource);
  if (!pool) return refuse(`cannot allocate unregistered device ${resource}`);
  const healthy = pool.filter((device) => device.healthy).map(({ id }) => id);
  if (healthy.length === 0) {
    return refuse(`no healthy devices present; cannot allocate unhealthy devices ${resource}`);
  }
  const must = leftByInit(pod, container, resource, grants).slice(0, count);
  const used = new Set(grants.flatMap((grant) => (grant.resource === resource ? grant.devices : [])));
  const free = healthy.filter((id) => !used.has(id)).sort(naturally);
  const needed = count - must.length;
  if (free.length < needed) {
    return refuse(
      `requested number of devices unavailable for ${resource}. Requested: ${needed}, Available: ${free.length}`,
    );
  }
  return { is: 'open', must, free };
}

/** The devices to give: those that must be among them, then those that the plug-in prefers, then the first ones. */
export function choose(
  count: number,
  { must, free }: Prospect & { is: 'open' },
  preferred: readonly string[] = [],
): string[] {
  const wanted = preferred.filter((id) => free.includes(id));
  return [...new Set([...must, ...wanted, ...free])].slice(0, count);
}

/** The grants of containers other than those of a pod that is over. */
export function withoutPod(grants: readonly Grant[], uid: string): readonly Grant[] {
  return grants.some((grant) => grant.uid === uid) ? grants.filter((grant) => grant.uid !== uid) : grants;
}

/** What a container has, of all resources. */
export function grantsOf(grants: readonly Grant[], uid: string, container: string): Grant[] {
  return grants.filter((grant) => isFor(grant, uid, container));
}

/** What the node has of each resource, and what of it can be given, as quantities. */
export function amountsOf(pools: Pools): Record<'capacity' | 'allocatable', Record<string, string>> {
  const amounts = (count: (resource: string) => number) =>
    Object.fromEntries([...pools.keys()].map((resource) => [resource, String(count(resource))]));
  return {
    capacity: amounts((resource) => pools.get(resource)!.length),
    allocatable: amounts((resource) => pools.get(resource)!.filter(({ healthy }) => healthy).length),
  };
}

/** The devices of init containers that have ended before this container begins, and that none of those between keeps. */
function leftByInit(pod: Pod, container: string, resource: string, grants: readonly Grant[]): string[] {
  const left = new Set<string>();
  for (const each of inOrder(pod)) {
    if (each.name === container) break;
    const given = grants.find((grant) => isFor(grant, pod.metadata.uid, each.name) && grant.resource === resource);
    for (const id of given?.devices ?? []) {
      if (endsFirst(pod, each)) left.add(id);
      else left.delete(id);
    }
  }
  return [...left];
}

/** Whether an init container is one that has ended when the next one begins. */
function endsFirst({ spec }: Pod, container: Container): boolean {
  return container.restartPolicy !== 'Always' && (spec.initContainers ?? []).includes(container);
}

function inOrder({ spec }: Pod): Container[] {
  return [...(spec.initContainers ?? []), ...spec.containers];
}

function isFor(grant: Grant, uid: string, container: string): boolean {
  return grant.uid === uid && grant.container === container;
}

function refuse(message: string): Prospect {
  return { is: 'refused', message };
}

/** `gpu-9` before `gpu-10`. */
const naturally = new Intl.Collator('en', { numeric: true }).compare;
