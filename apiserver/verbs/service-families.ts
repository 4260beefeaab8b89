/** A Service's address families, in a cluster that has IPv4 alone. */
import type { Service } from '#lib/kinds/gen/core-v1.ts';
import { invalid } from '#lib/meta/errors.ts';
import type { FieldError } from '#lib/meta/errors.ts';

/** Whether the Service has addresses of its own kind: ExternalName has none. */
export function hasFamilies({ spec }: Service): boolean {
  return spec.type !== 'ExternalName';
}

export function isHeadless({ spec }: Service): boolean {
  return spec.clusterIP === 'None' || spec.clusterIPs?.[0] === 'None';
}

/** Fills in families and policy as upstream does; answers faults for what the cluster cannot give. Changes `service`. */
export function completeFamilies(service: Service): FieldError[] {
  const { spec } = service;
  if (!hasFamilies(service)) return [];
  // Endpoints of a headless Service without a selector are written by others, who may use any family.
  if (isHeadless(service) && Object.keys(spec.selector ?? {}).length === 0) {
    spec.ipFamilyPolicy ??= 'RequireDualStack';
    spec.ipFamilies = spec.ipFamilies?.length ? spec.ipFamilies : ['IPv4'];
    if (spec.ipFamilies.length < 2 && spec.ipFamilyPolicy !== 'SingleStack') {
      spec.ipFamilies = [...spec.ipFamilies, spec.ipFamilies[0] === 'IPv4' ? 'IPv6' : 'IPv4'];
    }
    return [];
  }
  const faults: FieldError[] = [];
  if (spec.ipFamilyPolicy === 'RequireDualStack') {
    const text = 'this cluster is not configured for dual-stack services';
    faults.push(invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, text));
  }
  for (const [i, family] of (spec.ipFamilies ?? []).entries()) {
    if (family !== 'IPv4') faults.push(invalid(`spec.ipFamilies[${i}]`, family, 'not configured on this cluster'));
  }
  spec.ipFamilyPolicy ??= 'SingleStack';
  if (!spec.ipFamilies?.length) spec.ipFamilies = ['IPv4'];
  return faults;
}
