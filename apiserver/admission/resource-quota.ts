/** What a request takes up of its namespace's quotas, and whether they have room: upstream's `apiserver/pkg/admission/plugin/resourcequota`. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { event } from '#lib/kinds/event.ts';
import type { Pod, ResourceQuota } from '#lib/kinds/gen/core-v1.ts';
import { persistentVolumeClaim } from '#lib/kinds/persistent-volume-claim.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { amountText, isInScope, usageOf } from '#lib/kinds/quota-usage.ts';
import type { Usage } from '#lib/kinds/quota-usage.ts';
import { service } from '#lib/kinds/service.ts';
import { qualified } from '#lib/meta/errors.ts';
import { canonicalQuantity, parseQuantity } from '#lib/meta/quantities.ts';
import { refusal } from './types.ts';
import type { AdmissionRequest } from './types.ts';

/** A request that wants something of quotas. */
export interface Charge {
  request: AdmissionRequest;
  /** What it takes up more than before; nothing here is zero. */
  growth: Usage;
}

/** What the request asks of quotas; undefined when quotas do not concern it. */
export function chargeOf(request: AdmissionRequest): Charge | undefined {
  if (!concerns(request)) return undefined;
  const { kind, object, before } = request;
  const growth = usageOf(kind, object);
  if (before) {
    for (const [name, amount] of usageOf(kind, before)) growth.set(name, (growth.get(name) ?? 0n) - amount);
  }
  for (const [name, amount] of growth) if (amount <= 0n) growth.delete(name);
  return growth.size > 0 ? { request, growth } : undefined;
}

/** Everything but Events is counted when it is made; what a claim or a Service takes up changes later, and a pod's by a resize. */
function concerns({ operation, kind, namespace, subresource, before }: AdmissionRequest): boolean {
  if (namespace === '' || !kind.namespaced || kind.kind === event.kind) return false;
  if (operation === 'CREATE') return subresource === '' && before === undefined;
  if (operation === 'DELETE') return false;
  if (kind === podKind) return subresource === 'resize';
  return subresource === '' && (kind === service || kind === persistentVolumeClaim);
}

/** The quotas that limit what the charge takes up. Throws Forbidden when one cannot be held against it. */
export function coveringQuotas(quotas: Iterable<ResourceQuota>, { request, growth }: Charge): ResourceQuota[] {
  const { kind, object } = request;
  const covering: ResourceQuota[] = [];
  for (const quota of quotas) {
    if (!isInScope(quota, kind, object)) continue;
    const { hard = {}, used = {} } = quota.status ?? {};
    const names = Object.keys(hard).filter((name) => isOf(kind, name));
    const { name } = quota.metadata;
    // Of a quota that the controller has not looked at yet, nobody knows how much is left: it does not limit anything so far.
    if (names.length === 0) continue;
    const lacking = kind === podKind ? unspecified(object as Pod, names) : '';
    if (lacking) throw refusal(request, `failed quota: ${name}: must specify ${lacking}`);
    if (names.some((item) => used[item] === undefined)) {
      throw refusal(request, `status unknown for quota: ${name}, resources: ${names.sort().join(',')}`);
    }
    if (names.some((item) => growth.has(item))) covering.push(quota);
  }
  return covering;
}

/** What the quota counts as used; grows as charges are taken in. */
export type Used = Record<string, number | string>;

/** `used` with the charge added; throws Forbidden when the quota has no room for it. */
export function withCharge(quota: ResourceQuota, used: Used, { request, growth }: Charge): Used {
  const hard = quota.status?.hard ?? {};
  const asked = [...growth].filter(([name]) => hard[name] !== undefined);
  const sums = asked.map(([name, amount]) => [name, parseQuantity(used[name] ?? 0) + amount] as const);
  const exceeded = sums.filter(([name, sum]) => sum > parseQuantity(hard[name]!)).map(([name]) => name);
  if (exceeded.length > 0) {
    const shown = (of: (name: string) => string) =>
      exceeded
        .sort()
        .map((name) => `${name}=${of(name)}`)
        .join(',');
    throw refusal(
      request,
      `exceeded quota: ${quota.metadata.name}, requested: ${shown((name) => amountText(name, growth.get(name)!))}, used: ${shown((name) => canonicalQuantity(used[name] ?? 0))}, limited: ${shown((name) => canonicalQuantity(hard[name]!))}`,
    );
  }
  return { ...used, ...Object.fromEntries(sums.map(([name, sum]) => [name, amountText(name, sum)])) };
}

const podNames: ReadonlySet<string> = new Set([
  'pods',
  ...['cpu', 'memory', 'ephemeral-storage'].flatMap((name) => [name, `requests.${name}`, `limits.${name}`]),
]);
const claimSuffix = /\.storageclass\.storage\.k8s\.io\/(?:requests\.storage|persistentvolumeclaims)$/;

/** Whether a quota's resource is one that objects of this kind take up. */
function isOf(kind: Kind, name: string): boolean {
  if (name === `count/${qualified(kind)}`) return true;
  if (kind.group !== '') return false;
  if (kind === podKind) {
    if (podNames.has(name) || name.startsWith('hugepages-')) return true;
    return name.startsWith('requests.') && (name.startsWith('requests.hugepages-') || name.includes('/'));
  }
  if (name === kind.plural) return true;
  if (kind === service) return name === 'services.nodeports' || name === 'services.loadbalancers';
  return kind === persistentVolumeClaim && (name === 'requests.storage' || claimSuffix.test(name));
}

/** Resources that each container must speak of once a quota limits them -> where it does so. */
const mustSpecify: Readonly<Record<string, readonly ['requests' | 'limits', string]>> = {
  cpu: ['requests', 'cpu'],
  memory: ['requests', 'memory'],
  'requests.cpu': ['requests', 'cpu'],
  'requests.memory': ['requests', 'memory'],
  'limits.cpu': ['limits', 'cpu'],
  'limits.memory': ['limits', 'memory'],
};

/** Which of these resources some containers say nothing of, and which containers; '' when none. */
function unspecified({ spec }: Pod, names: readonly string[]): string {
  const containers = [...spec.containers, ...(spec.initContainers ?? [])];
  const missing = names.flatMap((name): string[] => {
    const where = Object.hasOwn(mustSpecify, name) ? mustSpecify[name] : undefined;
    if (!where) return [];
    const [side, resource] = where;
    const silent = containers.filter(({ resources }) => resources?.[side]?.[resource] === undefined);
    if (silent.length === 0) return [];
    const by = [...new Set(silent.map((container) => container.name))].sort();
    return [`${name} for: ${by.join(',')}`];
  });
  return missing.sort().join('; ');
}
