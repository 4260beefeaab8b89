import { invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { dns1035Faults, subdomainFaults } from '#lib/meta/names.ts';
import { isIP } from '#lib/meta/addresses.ts';
import { grammar, oneOf, portNameFaults, portNumber } from './checks/values.ts';
import { ageColumn, nameColumn, none, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { HTTPIngressPath, Ingress, IngressBackend, IngressSpec } from './gen/networking-v1.ts';

const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix'];

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
  check: ({ spec }) => checkSpec(spec),
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
  const faults: FieldError[] = [];
  const { rules = [], defaultBackend, tls = [], ingressClassName } = spec;
  if (rules.length === 0 && !defaultBackend) {
    faults.push(invalid('spec', spec, 'either `defaultBackend` or `rules` must be specified'));
  }
  if (defaultBackend) faults.push(...checkBackend('spec.defaultBackend', defaultBackend));
  if (ingressClassName !== undefined)
    faults.push(...grammar('spec.ingressClassName', ingressClassName, subdomainFaults));
  for (const [i, rule] of rules.entries()) {
    const at = `spec.rules[${i}]`;
    if (rule.host) faults.push(...checkHost(`${at}.host`, rule.host));
    if (!rule.http) continue;
    if (rule.http.paths.length === 0) faults.push(required(`${at}.http.paths`));
    for (const [j, path] of rule.http.paths.entries()) faults.push(...checkPath(`${at}.http.paths[${j}]`, path));
  }
  for (const [i, { hosts = [] }] of tls.entries()) {
    for (const [j, host] of hosts.entries())
      faults.push(...grammar(`spec.tls[${i}].hosts[${j}]`, host.replace(/^\*\./, ''), subdomainFaults));
  }
  return faults;
}

function checkHost(path: string, host: string): FieldError[] {
  if (isIP(host)) return [invalid(path, host, 'must be a DNS name, not an IP address')];
  return grammar(path, host.replace(/^\*\./, ''), subdomainFaults);
}

function checkPath(at: string, { path = '', pathType, backend }: HTTPIngressPath): FieldError[] {
  const faults: FieldError[] = [];
  if (!pathType) faults.push(required(`${at}.pathType`, 'pathType must be specified'));
  else faults.push(...oneOf(`${at}.pathType`, pathType, pathTypes));
  if (pathType === 'Exact' || pathType === 'Prefix') {
    if (!path.startsWith('/')) faults.push(invalid(`${at}.path`, path, 'must be an absolute path'));
    for (const part of ['//', '/./', '/../', '%2f', '%2F']) {
      if (path.includes(part)) faults.push(invalid(`${at}.path`, path, `must not contain '${part}'`));
    }
    for (const end of ['/..', '/.']) {
      if (path.endsWith(end)) faults.push(invalid(`${at}.path`, path, `cannot end with '${end}'`));
    }
  } else if (path && !path.startsWith('/')) faults.push(invalid(`${at}.path`, path, 'must be an absolute path'));
  return [...faults, ...checkBackend(`${at}.backend`, backend)];
}

function checkBackend(path: string, { service, resource }: IngressBackend): FieldError[] {
  if (service && resource) {
    return [invalid(path, '', 'cannot set both resource and service backends')];
  }
  if (resource) {
    return (['kind', 'name'] as const)
      .filter((name) => !resource[name])
      .map((name) => required(`${path}.resource.${name}`));
  }
  if (!service) return [required(path, 'must specify a service or a resource backend')];
  const faults: FieldError[] = [];
  const at = `${path}.service`;
  if (!service.name) faults.push(required(`${at}.name`));
  else faults.push(...grammar(`${at}.name`, service.name, dns1035Faults));
  const { name, number } = service.port ?? {};
  if (name && number) faults.push(invalid(at, '', 'cannot set both port name & port number'));
  else if (name) faults.push(...grammar(`${at}.port.name`, name, portNameFaults));
  else if (number) faults.push(...portNumber(`${at}.port.number`, number));
  else faults.push(required(at, 'port name or number is required'));
  return faults;
}
