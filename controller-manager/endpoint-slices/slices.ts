/** Brings the EndpointSlices that are there to what should be, with few and small changes. */
import type { Action } from '#lib/control/types.ts';
import { endpointSlice } from '#lib/kinds/endpoint-slice.ts';
import type { Endpoint, EndpointPort, EndpointSlice } from '#lib/kinds/gen/discovery-v1.ts';
import { equal } from '#lib/meta/equal.ts';
import type { Draft, ObjectMeta, Resource } from '#lib/meta/object.ts';
import { controllerRef } from '#lib/meta/owners.ts';

export const serviceNameLabel = 'kubernetes.io/service-name';
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';

/** More endpoints than this go to a further slice. */
const sliceLimit = 100;

/** Endpoints that share slices: of one address type, on the same ports. */
export interface Group {
  addressType: 'IPv4' | 'IPv6';
  ports: EndpointPort[];
  endpoints: Endpoint[];
}

/** What every slice carries. */
export interface Marks {
  /** Its owner, after which slices are named `<name>-<random>`. */
  owner: Resource;
  labels: Record<string, string>;
  annotations?: Record<string, string>;
}

/** Actions from `existing` to `groups`. A group without endpoints asks for one empty slice. */
export function reconcileSlices(groups: readonly Group[], existing: readonly EndpointSlice[], marks: Marks): Action[] {
  const byGroup = Map.groupBy(existing, (slice) => groupKey(slice.addressType, slice.ports ?? []));
  const actions: Action[] = [];
  for (const group of groups) {
    const key = groupKey(group.addressType, group.ports);
    actions.push(...reconcileGroup(group, byGroup.get(key) ?? [], marks));
    byGroup.delete(key);
  }
  for (const slices of byGroup.values()) actions.push(...slices.map(remove));
  return actions;
}

function reconcileGroup(group: Group, existing: readonly EndpointSlice[], marks: Marks): Action[] {
  const left = new Map(group.endpoints.map((endpoint) => [identity(endpoint), endpoint]));
  const plans = existing.map((slice) => {
    const endpoints = slice.endpoints.flatMap((endpoint) => {
      const wanted = left.get(identity(endpoint));
      left.delete(identity(endpoint));
      return wanted ? [wanted] : [];
    });
    return { slice, endpoints };
  });
  let remaining = [...left.values()];
  const changed = plans.filter((plan) => plan.endpoints.length > 0 && !equal(plan.endpoints, plan.slice.endpoints));
  for (const plan of changed) {
    const room = sliceLimit - plan.endpoints.length;
    plan.endpoints.push(...remaining.slice(0, room));
    remaining = remaining.slice(room);
  }
  // The rest moves into one slice that takes all of it, rather than into many that change for a few each.
  const fitting = remaining.length > 0 && plans.find((plan) => plan.endpoints.length + remaining.length <= sliceLimit);
  if (fitting) {
    fitting.endpoints.push(...remaining);
    remaining = [];
  }
  const keepEmpty = group.endpoints.length === 0 ? plans[0] : undefined;
  const actions = plans.flatMap((plan): Action[] => {
    if (plan.endpoints.length === 0 && plan !== keepEmpty) return [remove(plan.slice)];
    return update(plan.slice, plan.endpoints, marks);
  });
  for (let from = 0; from < remaining.length; from += sliceLimit) {
    actions.push(create(group, remaining.slice(from, from + sliceLimit), marks));
  }
  if (group.endpoints.length === 0 && !keepEmpty) actions.push(create(group, [], marks));
  return actions;
}

function update(slice: EndpointSlice, endpoints: Endpoint[], marks: Marks): Action[] {
  const metadata = withMarks(slice.metadata, marks);
  if (equal(endpoints, slice.endpoints) && equal(metadata, slice.metadata)) return [];
  const object: EndpointSlice = { ...slice, metadata, endpoints };
  return [{ do: 'update', kind: endpointSlice, object, report: failureOn(marks) }];
}

function create({ addressType, ports }: Group, endpoints: Endpoint[], marks: Marks): Action {
  const { namespace, name } = marks.owner.metadata;
  const metadata = withMarks({ generateName: `${name}-`, namespace }, marks);
  const object: Draft<EndpointSlice> = { metadata, addressType, ports, endpoints };
  return { do: 'create', kind: endpointSlice, object, report: failureOn(marks) };
}

function failureOn({ owner }: Marks) {
  const { namespace, name } = owner.metadata;
  const message = `Error updating Endpoint Slices for Service ${namespace}/${name}: {error}`;
  return { regarding: owner, failed: { reason: 'FailedToUpdateEndpointSlices', message } };
}

function withMarks<M extends Partial<ObjectMeta>>(metadata: M, { owner, labels, annotations }: Marks): M {
  // An empty map is stored as none, so it must not be asked for.
  const noted = annotations && { annotations: Object.keys(annotations).length > 0 ? annotations : undefined };
  return { ...metadata, labels, ...noted, ownerReferences: [controllerRef(owner)] };
}

function remove({ metadata }: EndpointSlice): Action {
  const target = { namespace: metadata.namespace!, name: metadata.name };
  return { do: 'delete', kind: endpointSlice, target, uid: metadata.uid };
}

/** One endpoint in all its states: its pod where it has one, else its address. */
function identity({ targetRef, addresses }: Endpoint): string {
  return `${targetRef?.uid ?? ''}/${addresses.join(',')}`;
}

/** The same for equal ports in any order. */
function groupKey(addressType: string, ports: readonly EndpointPort[]): string {
  const texts = ports.map(({ name = '', protocol = 'TCP', port = 0, appProtocol = '' }) =>
    JSON.stringify([name, protocol, port, appProtocol]),
  );
  return [addressType, ...texts.toSorted()].join();
}
