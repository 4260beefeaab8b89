/** Faults of a service's cluster IPs and of the families that they are of. */
import { duplicate, invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { goList } from '#lib/meta/go-text.ts';
import { address, optionalOneOf } from './checks/values.ts';
import type { ServiceSpec } from './gen/core-v1.ts';

type Faults = FieldError[];

const policies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];
const showIps = ({ clusterIPs }: ServiceSpec) => goList('string', clusterIPs);

/** What a service of any type but ExternalName asks for. */
export function checkClusterIps(spec: ServiceSpec): Faults {
  const { clusterIP = '', clusterIPs: ips = [], ipFamilies: families = [] } = spec;
  const path = 'spec.clusterIPs';
  const faults: Faults = [];
  const fault = (detail: string) => faults.push(invalid(path, showIps(spec), detail));
  if (clusterIP && ips.length === 0) faults.push(required(path));
  else if (clusterIP && ips[0] !== clusterIP) fault('first value must match `clusterIP`');
  else if (!clusterIP && ips.length > 0) fault('must be empty when `clusterIP` is not specified');
  for (const [i, family] of families.entries()) {
    const at = `spec.ipFamilies[${i}]`;
    if (family !== 'IPv4' && family !== 'IPv6') faults.push(notSupported(at, family, ['IPv4', 'IPv6']));
    if (families.indexOf(family) < i) faults.push(duplicate(at, family));
  }
  faults.push(...optionalOneOf('spec.ipFamilyPolicy', spec.ipFamilyPolicy, policies));
  let isBad = false;
  for (const [i, ip] of ips.entries()) {
    if (i === 0 && ip === 'None') {
      if (ips.length > 1) fault("'None' must be the first and only value");
      isBad ||= ips.length > 1;
    } else {
      const bad = address(`${path}[${i}]`, ip);
      isBad ||= bad.length > 0;
      faults.push(...bad);
    }
  }
  if (ips.length > 2) fault('may only hold up to 2 values');
  if (isBad) return faults;
  const isSix = (ip: string | undefined) => ip?.includes(':') ?? false;
  const isDual = ips.some(isSix) && !ips.every(isSix);
  if (ips.length > 1 && !isDual) fault('may specify no more than one IP for each IP family');
  if (ips[0] === 'None') return faults;
  for (const [i, ip] of ips.slice(0, families.length).entries()) {
    if (families[i] === (isSix(ip) ? 'IPv6' : 'IPv4')) continue;
    if (families[i] !== 'IPv4' && families[i] !== 'IPv6') continue;
    faults.push(invalid(`${path}[${i}]`, ip, `expected an ${families[i]} value as indicated by \`ipFamilies[${i}]\``));
  }
  return faults;
}

/** Faults of a change: the first address and family stay, as long as the service stays one that has them. */
export function checkFamiliesChange(now: ServiceSpec, before: ServiceSpec): Faults {
  if (now.type === 'ExternalName' || before.type === 'ExternalName') return [];
  const isHeadless = ({ clusterIPs = [] }: ServiceSpec) => clusterIPs.length === 1 && clusterIPs[0] === 'None';
  const [nowHeadless, wasHeadless] = [isHeadless(now), isHeadless(before)];
  return [
    ...(nowHeadless && wasHeadless ? [] : changedIps(now, before)),
    ...(nowHeadless || wasHeadless ? [] : changedFamilies(now, before)),
  ];
}

function changedIps(now: ServiceSpec, before: ServiceSpec): Faults {
  const { clusterIPs: next = [] } = now;
  const { clusterIPs: old = [] } = before;
  const fault = (i: number, detail: string) => invalid(`spec.clusterIPs[${i}]`, showIps(now), detail);
  const fixed = 'may not change once set';
  if (old.length === next.length) return old.flatMap((ip, i) => (ip === next[i] ? [] : [fault(i, fixed)]));
  if (next.length === 0) return [fault(0, 'primary clusterIP can not be unset')];
  return [
    ...(old.length > 0 && next[0] !== old[0] ? [fault(0, fixed)] : []),
    ...released(now, old.length, next.length, 'clusterIP'),
  ];
}

function changedFamilies(now: ServiceSpec, before: ServiceSpec): Faults {
  const { ipFamilies: next = [] } = now;
  const { ipFamilies: old = [] } = before;
  const fault = (detail: string, shown = goList('core.IPFamily', now.ipFamilies)) =>
    invalid('spec.ipFamilies[0]', shown, detail);
  const fixed = 'may not change once set';
  if (old.length === next.length) return old.flatMap((family, i) => (family === next[i] ? [] : [fault(fixed)]));
  const isUnset = old.length > next.length && !now.clusterIPs?.length;
  return [
    ...(isUnset ? [fault('primary ipFamily can not be unset')] : []),
    // Upstream shows the addresses here.
    ...(old.length > 0 && next.length > 0 && next[0] !== old[0] ? [fault(fixed, showIps(now))] : []),
    ...released(now, old.length, next.length, 'ipFamily'),
  ];
}

/** The second of two goes only when the writer says so. */
function released({ ipFamilyPolicy }: ServiceSpec, before: number, now: number, what: string): Faults {
  if (before <= now || now !== 1 || ipFamilyPolicy === 'SingleStack') return [];
  return [
    invalid('spec.ipFamilyPolicy', ipFamilyPolicy, `must be set to 'SingleStack' when releasing the secondary ${what}`),
  ];
}
