/** What an object takes up of a ResourceQuota: the rules of upstream's quota evaluators, for the controller and for admission. */
import type { Resource } from '#lib/meta/object.ts';
import { formatQuantity, parseQuantity } from '#lib/meta/quantities.ts';
import type { PersistentVolumeClaim, Pod, ResourceQuota, ResourceRequirements, Service } from './gen/core-v1.ts';
import type { Kind } from './define-kind.ts';

/** Resource name -> billionths of its unit. */
export type Usage = Map<string, bigint>;

const one = 1_000_000_000n;

/** Resources that have a short name of their own besides `count/<plural>`. */
const ownNames: ReadonlySet<string> = new Set([
  'configmaps',
  'persistentvolumeclaims',
  'pods',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'services',
]);
/** Resources of which pods ask without a prefix, too. */
const plainRequests: ReadonlySet<string> = new Set(['cpu', 'memory', 'ephemeral-storage']);

/** Everything that an object takes up. A finished pod takes up nothing but its own count. */
export function usageOf(kind: Kind, object: Resource): Usage {
  const usage: Usage = new Map();
  const add = (name: string, amount: bigint) => usage.set(name, (usage.get(name) ?? 0n) + amount);
  add(`count/${kind.plural}${kind.group ? `.${kind.group}` : ''}`, one);
  if (kind.group !== '') return usage;
  if (kind.plural === 'pods') {
    if (!isFinished(object as Pod)) addPod(object as Pod, add);
    return usage;
  }
  if (ownNames.has(kind.plural)) add(kind.plural, one);
  if (kind.plural === 'services') addService(object as Service, add);
  if (kind.plural === 'persistentvolumeclaims') addClaim(object as PersistentVolumeClaim, add);
  return usage;
}

/** An amount of a quota's resource, as its status tells it. */
export function amountText(name: string, amount: bigint): string {
  const isBytes = name.endsWith('memory') || name.endsWith('storage') || name.includes('hugepages-');
  return formatQuantity(amount, isBytes ? 'binary' : 'decimal');
}

/** Whether the quota's scopes take in this object; scopes are about pods, so other kinds pass only without any. */
export function isInScope({ spec }: ResourceQuota, kind: Kind, object: Resource): boolean {
  const terms = [
    ...(spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists', values: undefined })),
    ...(spec?.scopeSelector?.matchExpressions ?? []),
  ];
  if (terms.length === 0) return true;
  if (kind.group !== '' || kind.plural !== 'pods') return false;
  return terms.every(({ scopeName, operator, values = [] }) => inPodScope(object as Pod, scopeName, operator, values));
}

function inPodScope(pod: Pod, scope: string, operator: string, values: readonly string[]): boolean {
  const { activeDeadlineSeconds, priorityClassName = '' } = pod.spec;
  switch (scope) {
    case 'Terminating':
      return activeDeadlineSeconds !== undefined;
    case 'NotTerminating':
      return activeDeadlineSeconds === undefined;
    case 'BestEffort':
      return isBestEffort(pod);
    case 'NotBestEffort':
      return !isBestEffort(pod);
    case 'PriorityClass':
      if (operator === 'In') return values.includes(priorityClassName);
      if (operator === 'NotIn') return !values.includes(priorityClassName);
      return (priorityClassName !== '') === (operator !== 'DoesNotExist');
    case 'CrossNamespacePodAffinity':
      return reachesOtherNamespaces(pod);
    default:
      return false;
  }
}

function isFinished({ status }: Pod): boolean {
  return status?.phase === 'Failed' || status?.phase === 'Succeeded';
}

function isBestEffort({ spec }: Pod): boolean {
  const containers = [...spec.containers, ...(spec.initContainers ?? [])];
  const asks = (amounts: ResourceRequirements['limits']) =>
    Object.entries(amounts ?? {}).some(
      ([name, amount]) => (name === 'cpu' || name === 'memory') && parseQuantity(amount) > 0n,
    );
  return !containers.some(({ resources }) => asks(resources?.requests) || asks(resources?.limits));
}

function reachesOtherNamespaces({ spec }: Pod): boolean {
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
  const terms = [podAffinity, podAntiAffinity].flatMap((affinity) => [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm }) => podAffinityTerm),
  ]);
  return terms.some(
    ({ namespaces, namespaceSelector }) => (namespaces?.length ?? 0) > 0 || namespaceSelector !== undefined,
  );
}

type Add = (name: string, amount: bigint) => void;

function addPod(pod: Pod, add: Add): void {
  add('pods', one);
  for (const [name, amount] of podTotal(pod, 'requests')) {
    if (plainRequests.has(name)) add(name, amount);
    if (plainRequests.has(name) || isExtended(name)) add(`requests.${name}`, amount);
    if (name.startsWith('hugepages-')) {
      add(name, amount);
      add(`requests.${name}`, amount);
    }
  }
  for (const [name, amount] of podTotal(pod, 'limits')) if (plainRequests.has(name)) add(`limits.${name}`, amount);
}

/** Sum of the containers, or what the largest step of initialisation needs, plus overhead. */
function podTotal({ spec }: Pod, which: 'requests' | 'limits'): Usage {
  const total: Usage = new Map();
  const sum = (into: Usage, amounts: ResourceRequirements['limits']) => {
    for (const [name, amount] of Object.entries(amounts ?? {}))
      into.set(name, (into.get(name) ?? 0n) + parseQuantity(amount));
  };
  const largest = (other: Usage) => {
    for (const [name, amount] of other) if (amount > (total.get(name) ?? 0n)) total.set(name, amount);
  };
  for (const { resources } of spec.containers) sum(total, resources?.[which]);
  const sidecars: Usage = new Map();
  const steps: Usage[] = [];
  for (const { resources, restartPolicy } of spec.initContainers ?? []) {
    if (restartPolicy === 'Always') sum(sidecars, resources?.[which]);
    const step = new Map(sidecars);
    if (restartPolicy !== 'Always') sum(step, resources?.[which]);
    steps.push(step);
  }
  for (const [name, amount] of sidecars) total.set(name, (total.get(name) ?? 0n) + amount);
  for (const step of steps) largest(step);
  sum(total, spec.overhead);
  return total;
}

function isExtended(name: string): boolean {
  return name.includes('/') && !name.startsWith('kubernetes.io/');
}

function addService({ spec }: Service, add: Add): void {
  const ports = BigInt(spec.ports?.length ?? 0) * one;
  if (spec.type === 'NodePort') add('services.nodeports', ports);
  if (spec.type !== 'LoadBalancer') return;
  add('services.loadbalancers', one);
  if (spec.allocateLoadBalancerNodePorts !== false) add('services.nodeports', ports);
}

function addClaim({ spec, status }: PersistentVolumeClaim, add: Add): void {
  const asked = parseQuantity(spec.resources?.requests?.['storage'] ?? 0);
  const given = parseQuantity(status?.allocatedResources?.['storage'] ?? 0);
  const storage = given > asked ? given : asked;
  add('requests.storage', storage);
  if (!spec.storageClassName) return;
  const prefix = `${spec.storageClassName}.storageclass.storage.k8s.io`;
  add(`${prefix}/requests.storage`, storage);
  add(`${prefix}/persistentvolumeclaims`, one);
}
