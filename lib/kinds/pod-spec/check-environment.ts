/** Faults of a container's environment, and of what refers to fields of its pod. */
import { invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { qualifiedNameFaults, subdomainFaults, prefixOf } from '#lib/meta/names.ts';
import { parseQuantity } from '#lib/meta/quantities.ts';
import { configKeyFaults, grammar } from '../checks/values.ts';
import type {
  EnvFromSource,
  EnvVar,
  EnvVarSource,
  ObjectFieldSelector,
  ResourceFieldSelector,
} from '../gen/core-v1.ts';

type Faults = FieldError[];

export function checkVariables(path: string, variables: readonly EnvVar[] | undefined): Faults {
  return (variables ?? []).flatMap(({ name, value, valueFrom }, i) => {
    const at = `${path}[${i}]`;
    return [
      ...(name ? grammar(`${at}.name`, name, variableNameFaults) : [required(`${at}.name`)]),
      ...(valueFrom ? checkSource(`${at}.valueFrom`, valueFrom, value) : []),
    ];
  });
}

function variableNameFaults(name: string): string[] {
  return /^[ -<>-~]+$/.test(name)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

const variableFields = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];

function checkSource(path: string, source: EnvVarSource, value: string | undefined): Faults {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = source;
  const given = [fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef].filter(Boolean).length;
  const faults: Faults = [];
  if (fieldRef) faults.push(...checkFieldRef(`${path}.fieldRef`, fieldRef, variableFields));
  if (resourceFieldRef) faults.push(...checkResourceFieldRef(`${path}.resourceFieldRef`, resourceFieldRef, false));
  if (configMapKeyRef) faults.push(...checkKeyRef(`${path}.configMapKeyRef`, configMapKeyRef));
  if (secretKeyRef) faults.push(...checkKeyRef(`${path}.secretKeyRef`, secretKeyRef));
  if (given === 0) {
    const choice = 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`';
    faults.push(invalid(path, '', choice));
  } else if (value) faults.push(invalid(path, '', 'may not be specified when `value` is not empty'));
  else if (given > 1) faults.push(invalid(path, '', 'may not have more than one field specified at a time'));
  return faults;
}

function checkKeyRef(path: string, { name = '', key }: { name?: string | undefined; key: string }): Faults {
  return [
    ...grammar(`${path}.name`, name, subdomainFaults),
    ...(key ? grammar(`${path}.key`, key, configKeyFaults) : [required(`${path}.key`)]),
  ];
}

export function checkEnvFrom(path: string, sources: readonly EnvFromSource[] | undefined): Faults {
  return (sources ?? []).flatMap(({ prefix, configMapRef, secretRef }, i) => {
    const at = `${path}[${i}]`;
    const faults = prefix ? grammar(`${at}.prefix`, prefix, variableNameFaults) : [];
    if (configMapRef) faults.push(...checkName(`${at}.configMapRef.name`, configMapRef.name));
    if (secretRef) faults.push(...checkName(`${at}.secretRef.name`, secretRef.name));
    if (!configMapRef && !secretRef) {
      faults.push(invalid(path, '', 'must specify one of: `configMapRef` or `secretRef`'));
    } else if (configMapRef && secretRef) {
      faults.push(invalid(path, '', 'may not have more than one field specified at a time'));
    }
    return faults;
  });
}

function checkName(path: string, name: string | undefined): Faults {
  return name ? grammar(path, name, (text) => subdomainFaults(prefixOf(text))) : [required(path)];
}

/** What the pod's fields are called, of which each place takes some. */
const podFields = new Set([
  ...variableFields,
  'metadata.annotations',
  'metadata.labels',
  'spec.restartPolicy',
  'spec.schedulerName',
  'status.phase',
]);

/** A reference to a field of the pod: one of `fields`, or a single label or annotation. */
export function checkFieldRef(
  path: string,
  { apiVersion, fieldPath }: ObjectFieldSelector,
  fields: readonly string[],
): Faults {
  if (!apiVersion) return [required(`${path}.apiVersion`)];
  if (!fieldPath) return [required(`${path}.fieldPath`)];
  const [, map, key] = /^(.+?)\['(.*)'\]$/s.exec(fieldPath) ?? [];
  const unreadable = (because: string) => [
    invalid(`${path}.fieldPath`, fieldPath, `error converting fieldPath: ${because}`),
  ];
  if (apiVersion !== 'v1') return unreadable(`unsupported pod version: ${apiVersion}`);
  if (map !== undefined && key !== undefined) {
    if (map === 'metadata.annotations') return grammar(path, key.toLowerCase(), qualifiedNameFaults);
    if (map === 'metadata.labels') return grammar(path, key, qualifiedNameFaults);
    return unreadable(`field label does not support subscript: ${fieldPath}`);
  }
  const name = fieldPath === 'spec.host' ? 'spec.nodeName' : fieldPath;
  if (!podFields.has(name)) return unreadable(`field label not supported: ${fieldPath}`);
  return fields.includes(name) ? [] : [notSupported(`${path}.fieldPath`, name, fields)];
}

const containerResources = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];

/** A reference to a container's own request or limit; in a volume it must say which container's. */
export function checkResourceFieldRef(path: string, reference: ResourceFieldSelector, inVolume: boolean): Faults {
  const { containerName, resource, divisor } = reference;
  const faults: Faults = [];
  if (inVolume && !containerName) faults.push(required(`${path}.containerName`));
  else if (!resource) faults.push(required(`${path}.resource`));
  else if (!containerResources.includes(resource) && !/^(limits|requests)\.hugepages-/.test(resource)) {
    faults.push(notSupported(`${path}.resource`, resource, containerResources));
  }
  return [...faults, ...checkDivisor(`${path}.divisor`, resource, divisor)];
}

const byteDivisors = '1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei';

function checkDivisor(path: string, resource: string, divisor: number | string | undefined): Faults {
  if (divisor === undefined || parseQuantity(divisor) === 0n) return [];
  const [, name = ''] = /^(?:limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-)/.exec(resource) ?? [];
  const [allowed, what] =
    name === 'cpu'
      ? ['1m and 1', 'cpu']
      : [byteDivisors, { 'ephemeral-storage': 'local ephemeral storage', 'hugepages-': 'hugepages' }[name] ?? name];
  if (name === '' || allowed.split(/, | and /).includes(String(divisor))) return [];
  return [invalid(path, resource, `only divisor's values ${allowed} are supported with the ${what} resource`)];
}
