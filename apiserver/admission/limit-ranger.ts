/** Fills in and holds to what the LimitRanges of a namespace say of its containers, pods and claims. */
import type {
  Container,
  LimitRangeItem,
  PersistentVolumeClaim,
  Pod,
  ResourceRequirements,
} from '#lib/kinds/gen/core-v1.ts';
import { limitRange } from '#lib/kinds/limit-range.ts';
import { persistentVolumeClaim } from '#lib/kinds/persistent-volume-claim.ts';
import { podLimits, podRequests } from '#lib/kinds/pod-spec/resources.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { canonicalQuantity, formatQuantity, parseQuantity } from '#lib/meta/quantities.ts';
import { refusal } from './types.ts';
import type { AdmissionPlugin, AdmissionRequest, Lookup } from './types.ts';

const annotation = 'kubernetes.io/limit-ranger';

/** Resource name -> quantity. */
type Amounts = Readonly<Record<string, number | string>>;

export const limitRanger: AdmissionPlugin = { name: 'LimitRanger', admit, validate };

function admit(request: AdmissionRequest, look: Lookup): void {
  if (!concerns(request) || request.kind !== podKind) return;
  for (const { spec } of look.list(limitRange, request.namespace)) {
    setDefaults(request.object as Pod, spec?.limits ?? []);
  }
}

function validate(request: AdmissionRequest, look: Lookup): void {
  if (!concerns(request)) return;
  for (const { spec } of look.list(limitRange, request.namespace)) {
    const limits = spec?.limits ?? [];
    const faults =
      request.kind === podKind
        ? podFaults(request.object as Pod, limits)
        : claimFaults(request.object as PersistentVolumeClaim, limits);
    if (faults.length > 0) throw refusal(request, aggregated(faults));
  }
}

/** Containers never change after creation but by a resize. */
function concerns({ operation, kind, subresource, before }: AdmissionRequest): boolean {
  if (operation === 'DELETE' || before?.metadata.deletionTimestamp !== undefined) return false;
  if (kind === podKind) return operation === 'CREATE' ? subresource === '' : subresource === 'resize';
  return kind === persistentVolumeClaim && subresource === '';
}

function setDefaults({ metadata, spec }: Pod, limits: readonly LimitRangeItem[]): void {
  const ofContainers = limits.filter(({ type }) => type === 'Container');
  const defaults = {
    limits: Object.assign({}, ...ofContainers.map((item) => item.default)) as Amounts,
    requests: Object.assign({}, ...ofContainers.map((item) => item.defaultRequest)) as Amounts,
  };
  const told = [
    ...spec.containers.flatMap((container) => complete(container, 'container', defaults)),
    ...(spec.initContainers ?? []).flatMap((container) => complete(container, 'init container', defaults)),
  ];
  if (told.length === 0) return;
  metadata.annotations = { ...metadata.annotations, [annotation]: `LimitRanger plugin set: ${told.join('; ')}` };
}

/** Gives the container what it lacks; answers what that was. */
function complete(container: Container, title: string, defaults: { limits: Amounts; requests: Amounts }): string[] {
  const missing = (side: 'limits' | 'requests') =>
    Object.entries(defaults[side]).filter(([name]) => container.resources?.[side]?.[name] === undefined);
  const [limits, requests] = [missing('limits'), missing('requests')];
  if (limits.length === 0 && requests.length === 0) return [];
  const { resources = {} } = container;
  container.resources = {
    ...resources,
    ...(limits.length > 0 && { limits: { ...resources.limits, ...Object.fromEntries(limits) } }),
    ...(requests.length > 0 && { requests: { ...resources.requests, ...Object.fromEntries(requests) } }),
  };
  const told = (entries: readonly [string, unknown][], side: string) =>
    entries.length > 0
      ? [
          `${entries
            .map(([name]) => name)
            .sort()
            .join(', ')} ${side} for ${title} ${container.name}`,
        ]
      : [];
  return [...told(requests, 'request'), ...told(limits, 'limit')];
}

function podFaults({ spec }: Pod, limits: readonly LimitRangeItem[]): string[] {
  return limits.flatMap((item) => {
    if (item.type === 'Container') {
      return [...spec.containers, ...(spec.initContainers ?? [])].flatMap(({ resources }) =>
        itemFaults(item, boundsOf(resources)),
      );
    }
    return item.type === 'Pod' ? itemFaults(item, { requests: podRequests(spec), limits: podLimits(spec) }) : [];
  });
}

function claimFaults({ spec }: PersistentVolumeClaim, limits: readonly LimitRangeItem[]): string[] {
  const asked = boundsOf({ requests: spec.resources?.requests });
  return limits
    .filter(({ type }) => type === 'PersistentVolumeClaim')
    .flatMap((item) => [
      ...faultsBy(item.min, (name, bound) => minFault(item.type, name, bound, asked)),
      ...faultsBy(item.max, (name, bound) => maxRequestFault(item.type, name, bound, asked)),
    ]);
}

/** Billionths, by resource name. */
interface Bounds {
  requests: ReadonlyMap<string, bigint>;
  limits: ReadonlyMap<string, bigint>;
}

function boundsOf(resources: ResourceRequirements | undefined): Bounds {
  const parsed = (amounts: Amounts | undefined) =>
    new Map(Object.entries(amounts ?? {}).map(([name, amount]) => [name, parseQuantity(amount)]));
  return { requests: parsed(resources?.requests), limits: parsed(resources?.limits) };
}

type Bound = number | string;

function itemFaults(item: LimitRangeItem, asked: Bounds): string[] {
  return [
    ...faultsBy(item.min, (name, bound) => minFault(item.type, name, bound, asked)),
    ...faultsBy(item.max, (name, bound) => maxFault(item.type, name, bound, asked)),
    ...faultsBy(item.maxLimitRequestRatio, (name, bound) => ratioFault(item.type, name, bound, asked)),
  ];
}

function faultsBy(bounds: Amounts | undefined, fault: (name: string, bound: Bound) => string | undefined): string[] {
  return Object.entries(bounds ?? {}).flatMap(([name, bound]) => fault(name, bound) ?? []);
}

function minFault(type: string, name: string, bound: Bound, { requests, limits }: Bounds): string | undefined {
  const [least, request, limit] = [parseQuantity(bound), requests.get(name), limits.get(name)];
  const rule = `minimum ${name} usage per ${type} is ${canonicalQuantity(bound)}`;
  if (request === undefined) return `${rule}.  No request is specified`;
  if (request < least) return `${rule}, but request is ${shown(name, request)}`;
  return limit !== undefined && limit < least ? `${rule}, but limit is ${shown(name, limit)}` : undefined;
}

function maxFault(type: string, name: string, bound: Bound, { requests, limits }: Bounds): string | undefined {
  const [most, request, limit] = [parseQuantity(bound), requests.get(name), limits.get(name)];
  const rule = `maximum ${name} usage per ${type} is ${canonicalQuantity(bound)}`;
  if (limit === undefined) return `${rule}.  No limit is specified`;
  if (limit > most) return `${rule}, but limit is ${shown(name, limit)}`;
  return request !== undefined && request > most ? `${rule}, but request is ${shown(name, request)}` : undefined;
}

function maxRequestFault(type: string, name: string, bound: Bound, { requests }: Bounds): string | undefined {
  const request = requests.get(name);
  const rule = `maximum ${name} usage per ${type} is ${canonicalQuantity(bound)}`;
  if (request === undefined) return `${rule}.  No request is specified`;
  return request > parseQuantity(bound) ? `${rule}, but request is ${shown(name, request)}` : undefined;
}

function ratioFault(type: string, name: string, bound: Bound, { requests, limits }: Bounds): string | undefined {
  const [request, limit] = [requests.get(name), limits.get(name)];
  const rule = `${name} max limit to request ratio per ${type} is ${canonicalQuantity(bound)}`;
  if (!request) return `${rule}, but no request is specified or request is 0`;
  if (!limit) return `${rule}, but no limit is specified or limit is 0`;
  if (limit * 1_000_000_000n <= parseQuantity(bound) * request) return undefined;
  return `${rule}, but provided ratio is ${(Number(limit) / Number(request)).toFixed(6)}`;
}

function shown(name: string, amount: bigint): string {
  const isBytes = name.endsWith('memory') || name.endsWith('storage') || name.startsWith('hugepages-');
  return formatQuantity(amount, isBytes ? 'binary' : 'decimal');
}

/** Several faults, as upstream joins errors. */
function aggregated(faults: readonly string[]): string {
  const distinct = [...new Set(faults)];
  return distinct.length === 1 ? distinct[0]! : `[${distinct.join(', ')}]`;
}
