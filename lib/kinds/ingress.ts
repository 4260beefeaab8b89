import { invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { dns1035Faults, pathSegmentFaults, subdomainFaults, wildcardFaults } from '#lib/meta/names.ts';
import { isIP } from '#lib/meta/addresses.ts';
import { goStructs } from './checks/go-value.ts';
import { address, grammar, oneOf, portNameFaults, portNumber } from './checks/values.ts';
import { ageColumn, nameColumn, none, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { HTTPIngressPath, Ingress, IngressBackend, IngressRule, IngressSpec } from './gen/networking-v1.ts';

export const ingress = defineKind<Ingress>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'Ingress',
  description: 'Rules that lead HTTP requests from outside to Services.',
  plural: 'ingresses',
  short: ['ing'],
  namespaced: true,
  schema: 'io.k8s.api.networking.v1.Ingress',
  status: true,
  generation: true,
  prepareCreate: (object) => {
    object.status = { loadBalancer: {} };
  },
  check: (object, before) => [...checkSpec(object.spec), ...(before ? [] : checkClass(object))],
  warnings: (object, before) => (before ? [] : classWarnings(object)),
  checkStatus,
  columns: [
    nameColumn,
    text('Class', ({ spec }) => spec.ingressClassName ?? none),
    text('Hosts', ({ spec }) => (spec.rules ?? []).flatMap(({ host }) => (host ? [host] : [])).join(',') || '*'),
    text('Address', ({ status }) =>
      (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '').join(','),
    ),
    text('Ports', ({ spec }) => (spec.tls?.length ? '80, 443' : '80')),
    ageColumn,
  ],
});

function checkSpec(spec: IngressSpec): FieldError[] {
  const { rules = [], defaultBackend, tls = [], ingressClassName } = spec;
  const nothing = 'either `defaultBackend` or `rules` must be specified';
  const shown = goStructs('io.k8s.api.networking.v1.IngressRule', spec.rules);
  return [
    ...(rules.length === 0 && !defaultBackend ? [invalid('spec', shown, nothing)] : []),
    ...(defaultBackend ? checkBackend('spec.defaultBackend', defaultBackend) : []),
    ...rules.flatMap((rule, i) => checkRule(`spec.rules[${i}]`, rule)),
    ...tls.flatMap(({ hosts = [], secretName }, i) => [
      ...hosts.flatMap((host, j) => grammar(`spec.tls[${i}].hosts[${j}]`, host, hostFaults(host))),
      ...(secretName ? grammar(`spec.tls[${i}].secretName`, secretName, subdomainFaults) : []),
    ]),
    ...(ingressClassName === undefined ? [] : grammar('spec.ingressClassName', ingressClassName, subdomainFaults)),
  ];
}

const classKey = 'kubernetes.io/ingress.class';

/** The class by the annotation that came before the field. */
function checkClass({ metadata, spec }: Ingress): FieldError[] {
  const said = metadata.annotations?.[classKey];
  if (said === undefined || spec.ingressClassName === undefined || said === spec.ingressClassName) return [];
  return [invalid(`annotations.${classKey}`, said, 'must match `ingressClassName` when both are specified')];
}

function classWarnings({ metadata, spec }: Ingress): string[] {
  return metadata.annotations?.[classKey] !== undefined && spec.ingressClassName === undefined
    ? [`annotation "${classKey}" is deprecated, please use 'spec.ingressClassName' instead`]
    : [];
}

function hostFaults(host: string): (text: string) => string[] {
  return host.includes('*') ? wildcardFaults : subdomainFaults;
}

function checkRule(path: string, { host, http }: IngressRule): FieldError[] {
  const at = `${path}.host`;
  return [
    ...(host && isIP(host) ? [invalid(at, host, 'must be a DNS name, not an IP address')] : []),
    ...(host ? grammar(at, host, hostFaults(host)) : []),
    ...(http?.paths.length === 0 ? [required(`${path}.http.paths`)] : []),
    ...(http?.paths ?? []).flatMap((item, i) => checkPath(`${path}.http.paths[${i}]`, item)),
  ];
}

function checkPath(at: string, { path = '', pathType, backend }: HTTPIngressPath): FieldError[] {
  if (!pathType) return [required(`${at}.pathType`, 'pathType must be specified')];
  const faults: FieldError[] = [];
  const fault = (detail: string) => faults.push(invalid(`${at}.path`, path, detail));
  switch (pathType) {
    case 'Exact':
    case 'Prefix':
      if (!path.startsWith('/')) fault('must be an absolute path');
      for (const part of ['//', '/./', '/../', '%2f', '%2F']) {
        if (path.includes(part)) fault(`must not contain '${part}'`);
      }
      for (const end of ['/..', '/.']) if (path.endsWith(end)) fault(`cannot end with '${end}'`);
      break;
    case 'ImplementationSpecific':
      if (path && !path.startsWith('/')) fault('must be an absolute path');
      break;
    default:
      faults.push(...oneOf(`${at}.pathType`, pathType, ['Exact', 'ImplementationSpecific', 'Prefix']));
  }
  return [...faults, ...checkBackend(`${at}.backend`, backend)];
}

function checkBackend(path: string, { service, resource }: IngressBackend): FieldError[] {
  if (service && resource) return [invalid(path, '', 'cannot set both resource and service backends')];
  if (resource) return checkReference(`${path}.resource`, resource);
  if (!service) return [invalid(path, '', 'resource or service backend is required')];
  const at = `${path}.service`;
  const faults = service.name ? grammar(`${at}.name`, service.name, dns1035Faults) : [required(`${at}.name`)];
  const { name, number } = service.port ?? {};
  if (name && number) return [...faults, invalid(path, '', 'cannot set both port name & port number')];
  if (name) return [...faults, ...grammar(`${at}.port.name`, name, portNameFaults)];
  if (number) return [...faults, ...portNumber(`${at}.port.number`, number)];
  return [...faults, required(path, 'port name or number is required')];
}

/** A reference to an object of whatever kind. */
export function checkReference(
  path: string,
  reference: { apiGroup?: string | undefined; kind: string; name: string },
): FieldError[] {
  const { apiGroup } = reference;
  return [
    ...(apiGroup === undefined ? [] : grammar(`${path}.apiGroup`, apiGroup, subdomainFaults)),
    ...(['kind', 'name'] as const).flatMap((field) =>
      reference[field]
        ? grammar(`${path}.${field}`, reference[field], pathSegmentFaults)
        : [required(`${path}.${field}`)],
    ),
  ];
}

function checkStatus({ status }: Ingress): FieldError[] {
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }, i) => {
    const at = `status.loadBalancer.ingress[${i}]`;
    const faults = ip ? address(`${at}.ip`, ip) : [];
    if (hostname) faults.push(...grammar(`${at}.hostname`, hostname, subdomainFaults));
    if (hostname && isIP(hostname)) {
      faults.push(invalid(`${at}.hostname`, hostname, 'must be a DNS name, not an IP address'));
    }
    return faults;
  });
}
