/** Faults of resource requests and limits, and of their names. */
import { duplicate, fieldForbidden, fieldNotFound, invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { labelNameFaults, qualifiedNameFaults } from '#lib/meta/names.ts';
import { parseQuantity, QuantityError } from '#lib/meta/quantities.ts';
import { goQuantity } from '../checks/go-value.ts';
import { grammar, quantity } from '../checks/values.ts';
import type { PodResourceClaim, ResourceClaim, ResourceRequirements } from '../gen/core-v1.ts';

type Faults = FieldError[];
type Amounts = Readonly<Record<string, number | string>>;

const standard = new Set(['cpu', 'memory', 'ephemeral-storage']);
const milli = 1_000_000n;

/** Faults of a container's resources; `podClaims` are what its pod may have claimed for it. */
export function checkResources(
  path: string,
  { limits, requests, claims }: ResourceRequirements,
  podClaims: readonly PodResourceClaim[] | undefined = [],
): Faults {
  const faults = limits ? checkAmounts(`${path}.limits`, limits) : [];
  for (const [name, request] of Object.entries(requests ?? {})) {
    const at = `${path}.requests[${name}]`;
    faults.push(...checkResourceName(at, name), ...checkAmount(at, name, request));
    faults.push(...checkAgainstLimit(path, name, request, limits ?? {}));
    faults.push(...checkPages(at, name, request));
  }
  const names = [...Object.keys(limits ?? {}), ...Object.keys(requests ?? {})];
  if (names.some(isHugePages) && !names.some((name) => name === 'cpu' || name === 'memory')) {
    faults.push(fieldForbidden(path, 'HugePages require cpu or memory'));
  }
  return claims ? [...faults, ...checkClaims(`${path}.claims`, claims, podClaims)] : faults;
}

function checkAmounts(path: string, amounts: Amounts): Faults {
  return Object.entries(amounts).flatMap(([name, amount]) => {
    const at = `${path}[${name}]`;
    return [...checkResourceName(at, name), ...checkAmount(at, name, amount), ...checkPages(at, name, amount)];
  });
}

/** What cannot be promised twice is requested as it is limited. */
function checkAgainstLimit(path: string, name: string, request: number | string, limits: Amounts): Faults {
  const limit = Object.hasOwn(limits, name) ? limits[name] : undefined;
  if (limit === undefined) {
    return isOvercommitable(name)
      ? []
      : [required(`${path}.limits`, 'Limit must be set for non overcommitable resources')];
  }
  const [asked, most] = [parseQuantity(request), parseQuantity(limit)];
  if (asked !== most && !isOvercommitable(name)) {
    return [invalid(`${path}.requests`, String(request), `must be equal to ${name} limit of ${limit}`)];
  }
  return asked > most
    ? [invalid(`${path}.requests`, String(request), `must be less than or equal to ${name} limit of ${limit}`)]
    : [];
}

/** An amount of a resource: not negative, and whole where the resource comes in pieces. */
export function checkAmount(path: string, name: string, amount: number | string): Faults {
  const faults = quantity(path, amount);
  if (isWhole(name) && thousandths(amount) % 1000n !== 0n) {
    faults.push(invalid(path, goQuantity(amount), 'must be an integer'));
  }
  return faults;
}

function thousandths(amount: number | string): bigint {
  const billionths = parseQuantity(amount);
  return billionths / milli + (billionths % milli > 0n ? 1n : 0n);
}

function checkPages(path: string, name: string, amount: number | string): Faults {
  if (!isHugePages(name)) return [];
  const size = pageSize(name);
  const [bytes, page] = [parseQuantity(amount), size];
  return page !== undefined && page > 0n && bytes % page === 0n
    ? []
    : [invalid(path, String(amount), `${amount} is not positive integer multiple of ${name}`)];
}

function pageSize(name: string): bigint | undefined {
  try {
    return parseQuantity(name.slice('hugepages-'.length));
  } catch (error) {
    if (error instanceof QuantityError) return undefined;
    throw error;
  }
}

/** A container's resource: one of the standard ones, huge pages, or somebody's own with a domain before its name. */
export function checkResourceName(path: string, name: string): Faults {
  const faults = checkAnyResourceName(path, name);
  if (!name.includes('/')) {
    return standard.has(name) || isHugePages(name)
      ? faults
      : [...faults, invalid(path, name, 'must be a standard resource for containers')];
  }
  return isNative(name) || isExtended(name)
    ? faults
    : [...faults, invalid(path, name, "doesn't follow extended resource name standard")];
}

/** Objects that are counted. */
const counted = [
  'pods',
  'services',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
];

const standardAnywhere = new Set([
  ...standard,
  ...counted,
  'requests.cpu',
  'requests.memory',
  'requests.storage',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
  'storage',
]);

/** A resource of any kind of thing. */
export function checkAnyResourceName(path: string, name: string): Faults {
  const faults = grammar(path, name, qualifiedNameFaults);
  if (faults.length > 0 || name.includes('/')) return faults;
  return standardAnywhere.has(name) || isHugePages(name.replace(/^requests\./, ''))
    ? []
    : [invalid(path, name, 'must be a standard resource type or fully qualified')];
}

/** Whether a node may promise more of it than it has. */
export function isOvercommitable(name: string): boolean {
  return isNative(name) && !isHugePages(name);
}

function isHugePages(name: string): boolean {
  return name.startsWith('hugepages-');
}

/** Kubernetes' own resources. */
export function isNative(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/');
}

/** A resource of somebody's own, with a domain before its name. */
export function isExtended(name: string): boolean {
  return !isNative(name) && !name.startsWith('requests.') && qualifiedNameFaults(`requests.${name}`).length === 0;
}

/** What comes in whole pieces: devices, and objects that are counted. */
function isWhole(name: string): boolean {
  return wholeResources.has(name) || isExtended(name);
}

const wholeResources: ReadonlySet<string> = new Set(counted);

/** Claims of a container, each of which its pod must have. */
function checkClaims(path: string, claims: readonly ResourceClaim[], podClaims: readonly PodResourceClaim[]): Faults {
  const known = podClaims.map(({ name }) => name).sort();
  const seen = new Set<string>();
  return claims.flatMap(({ name, request = '' }, i) => {
    const at = `${path}[${i}]`;
    if (!name) return [required(at)];
    const faults: Faults = [];
    const key = request ? `${name}/${request}` : name;
    if (seen.has(name)) faults.push(duplicate(at, name));
    else {
      if (request) faults.push(...grammar(`${at}.request`, request, labelNameFaults));
      const inPart = request ? [] : [...seen].filter((other) => other.startsWith(`${name}/`));
      if (seen.has(key)) faults.push(duplicate(at, key));
      for (const _ of inPart) faults.push(duplicate(at, name));
    }
    seen.add(key);
    if (!known.includes(name)) {
      const among = known.length === 0 ? ' which is empty' : `: ${known.join(', ')}`;
      faults.push(fieldNotFound(at, name, `must be one of the names in pod.spec.resourceClaims${among}`));
    }
    return faults;
  });
}
