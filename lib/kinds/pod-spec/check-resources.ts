/** Faults of resource requests and limits. */
import { invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { qualifiedNameFaults } from '#lib/meta/names.ts';
import { parseQuantity } from '#lib/meta/quantities.ts';
import { grammar, quantity } from '../checks/values.ts';
import type { ResourceRequirements } from '../gen/core-v1.ts';

const standard = new Set(['cpu', 'memory', 'ephemeral-storage']);
const unit = 1_000_000_000n;

/** Faults of a container's resources. */
export function checkResources(path: string, { limits = {}, requests = {} }: ResourceRequirements): FieldError[] {
  const faults = [...checkList(`${path}.limits`, limits), ...checkList(`${path}.requests`, requests)];
  if (faults.length > 0) return faults;
  for (const [name, request] of Object.entries(requests)) {
    const limit = Object.hasOwn(limits, name) ? limits[name] : undefined;
    if (limit === undefined) {
      if (!isOvercommitable(name))
        faults.push(required(`${path}.limits`, 'Limit must be set for non overcommitable resources'));
      continue;
    }
    if (!isOvercommitable(name) && parseQuantity(request) !== parseQuantity(limit)) {
      faults.push(invalid(`${path}.requests`, String(request), `must be equal to ${name} limit of ${limit}`));
    } else if (parseQuantity(request) > parseQuantity(limit)) {
      faults.push(
        invalid(`${path}.requests`, String(request), `must be less than or equal to ${name} limit of ${limit}`),
      );
    }
  }
  return faults;
}

function checkList(path: string, list: Readonly<Record<string, number | string>>): FieldError[] {
  return Object.entries(list).flatMap(([name, value]) => {
    const at = `${path}[${name}]`;
    const faults = [...checkResourceName(at, name), ...quantity(at, value)];
    if (faults.length === 0 && isWhole(name) && parseQuantity(value) % unit !== 0n) {
      faults.push(invalid(at, String(value), 'must be an integer'));
    }
    return faults;
  });
}

/** A container's resource: one of the standard ones, huge pages, or somebody's own with a domain before its name. */
function checkResourceName(path: string, name: string): FieldError[] {
  const faults = grammar(path, name, qualifiedNameFaults);
  if (faults.length > 0) return faults;
  if (name.includes('/')) return [];
  if (!standard.has(name) && !name.startsWith('hugepages-') && !isOtherStandard(name)) {
    return [
      invalid(path, name, 'must be a standard resource type or fully qualified'),
      invalid(path, name, 'must be a standard resource for containers'),
    ];
  }
  return isOtherStandard(name) ? [invalid(path, name, 'must be a standard resource for containers')] : [];
}

/** Standard elsewhere (in quotas), but not of a container. */
function isOtherStandard(name: string): boolean {
  return [
    'pods',
    'services',
    'replicationcontrollers',
    'resourcequotas',
    'secrets',
    'configmaps',
    'persistentvolumeclaims',
    'storage',
  ].includes(name);
}

/** Whether a node may promise more of it than it has. */
function isOvercommitable(name: string): boolean {
  return standard.has(name) || isNative(name);
}

function isNative(name: string): boolean {
  return name.includes('kubernetes.io/') && !name.startsWith('requests.');
}

/** Whether it comes in whole pieces, as devices do. */
function isWhole(name: string): boolean {
  return name.includes('/') && !isNative(name);
}
