/** Faults of how a pod finds names and is found by them. */
import { fieldForbidden, invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { goList } from '#lib/meta/go-text.ts';
import { subdomainFaults } from '#lib/meta/names.ts';
import { address, grammar } from '../checks/values.ts';
import type { PodSpec } from '../gen/core-v1.ts';

const maxNameservers = 3;
const maxSearches = 32;
const maxSearchCharacters = 2048;

/** Where names are looked up. */
export function checkDnsConfig(path: string, { dnsPolicy, dnsConfig }: PodSpec): FieldError[] {
  const { nameservers = [], searches = [], options = [] } = dnsConfig ?? {};
  if (dnsPolicy === 'None') {
    if (!dnsConfig) return [required(path, 'must provide `dnsConfig` when `dnsPolicy` is None')];
    if (nameservers.length === 0) {
      return [required(`${path}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None')];
    }
  }
  const faults: FieldError[] = [];
  const many = (field: string, list: readonly string[], detail: string) =>
    faults.push(invalid(`${path}.${field}`, goList('string', list), `must not have more than ${detail}`));
  if (nameservers.length > maxNameservers) many('nameservers', nameservers, `${maxNameservers} nameservers`);
  for (const [i, server] of nameservers.entries()) faults.push(...address(`${path}.nameservers[${i}]`, server));
  if (searches.length > maxSearches) many('searches', searches, `${maxSearches} search paths`);
  if (searches.join(' ').length > maxSearchCharacters) {
    many('searches', searches, `${maxSearchCharacters} characters (including spaces) in the search list`);
  }
  for (const [i, search] of searches.entries()) {
    // A trailing dot makes the path absolute.
    faults.push(...grammar(`${path}.searches[${i}]`, search.replace(/\.$/, ''), subdomainFaults));
  }
  for (const [i, { name }] of options.entries()) {
    if (!name) faults.push(required(`${path}.options[${i}]`, 'must not be empty'));
  }
  return faults;
}

/** Names that the pod's own hosts file gives to addresses. */
export function checkHostAliases(path: string, { hostAliases }: PodSpec): FieldError[] {
  return (hostAliases ?? []).flatMap(({ ip, hostnames }, i) => [
    ...address(`${path}[${i}].ip`, ip),
    ...(hostnames ?? []).flatMap((name, j) => grammar(`${path}[${i}].hostnames[${j}]`, name, subdomainFaults)),
  ]);
}

/** Without a service account there is nobody that tokens could be for. */
export function checkTokenOwner(path: string, spec: PodSpec): FieldError[] {
  if (spec.serviceAccountName) return [];
  return (spec.volumes ?? []).flatMap(({ projected }, i) =>
    (projected?.sources ?? []).flatMap(({ serviceAccountToken }, j) =>
      serviceAccountToken
        ? [
            fieldForbidden(
              `${path}.volumes[${i}].projected.sources[${j}].serviceAccountToken`,
              'must not be specified when serviceAccountName is not set',
            ),
          ]
        : [],
    ),
  );
}
