import { isIPv4, isIPv6 } from '#lib/meta/addresses.ts';
import { duplicate, invalid, notSupported, required, tooMany, type FieldError } from '#lib/meta/errors.ts';
import { labelNameFaults, labelValueFaults, qualifiedNameFaults, subdomainFaults } from '#lib/meta/names.ts';
import { fullDomain } from './checks/domains.ts';
import { checkLabels, unchanged } from './checks/metadata.ts';
import { grammar, oneOf, reachable } from './checks/values.ts';
import { ageColumn, nameColumn, text, unset } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { EndpointHints, EndpointSlice } from './gen/discovery-v1.ts';

const maxEndpoints = 1000;
const maxPorts = 20_000;
const maxAddresses = 100;
const maxTopics = 16;
const maxZones = 8;
const shownInTable = 3;

export const endpointSlice = defineKind<EndpointSlice>({
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  description: 'Some of the addresses behind a Service.',
  plural: 'endpointslices',
  namespaced: true,
  schema: 'io.k8s.api.discovery.v1.EndpointSlice',
  generation: true,
  defaults: ({ endpoints, ports }) => {
    for (const endpoint of endpoints) endpoint.conditions ??= {};
    for (const port of ports ?? []) {
      port.name ??= '';
      port.protocol ||= 'TCP';
    }
  },
  check: (object, before) => [
    ...checkAddressType(object, !before),
    ...checkEndpoints(object),
    ...checkPorts(object),
    ...(before ? unchanged('addressType', object.addressType, before.addressType) : []),
  ],
  columns: [
    nameColumn,
    text('AddressType', ({ addressType }) => addressType),
    text('Ports', ({ ports }) => shorten((ports ?? []).map(({ port }) => (port === undefined ? '*' : String(port))))),
    text('Endpoints', ({ endpoints }) => shorten(endpoints.flatMap(({ addresses }) => addresses))),
    ageColumn,
  ],
});

function shorten(items: readonly string[]): string {
  const more = items.length - shownInTable;
  return (items.slice(0, shownInTable).join(',') || unset) + (more > 0 ? ` + ${more} more...` : '');
}

function checkAddressType({ addressType }: EndpointSlice, isNew: boolean): FieldError[] {
  const types = isNew ? ['FQDN', 'IPv4', 'IPv6'] : ['FQDN', 'IP', 'IPv4', 'IPv6'];
  if (!addressType) return [required('addressType')];
  return types.includes(addressType) ? [] : [notSupported('addressType', addressType, types)];
}

function checkEndpoints({ endpoints, addressType }: EndpointSlice): FieldError[] {
  if (endpoints.length > maxEndpoints) return [tooMany('endpoints', endpoints.length, maxEndpoints)];
  return endpoints.flatMap(({ addresses, hostname, nodeName, deprecatedTopology = {}, hints }, i) => {
    const at = `endpoints[${i}]`;
    const topics = Object.keys(deprecatedTopology).length;
    return [
      ...(addresses.length === 0 ? [required(`${at}.addresses`, 'must contain at least 1 address')] : []),
      ...(addresses.length > maxAddresses ? [tooMany(`${at}.addresses`, addresses.length, maxAddresses)] : []),
      ...addresses.flatMap((address, j) => checkAddress(`${at}.addresses[${j}]`, address, addressType)),
      ...(nodeName === undefined ? [] : grammar(`${at}.nodeName`, nodeName, subdomainFaults)),
      ...(topics > maxTopics ? [tooMany(`${at}.deprecatedTopology`, topics, maxTopics)] : []),
      ...checkLabels(`${at}.deprecatedTopology`, deprecatedTopology),
      ...(hostname === undefined ? [] : grammar(`${at}.hostname`, hostname, labelNameFaults)),
      ...checkZones(`${at}.hints.forZones`, hints),
    ];
  });
}

function checkAddress(path: string, address: string, type: string): FieldError[] {
  const isIP = { IPv4: isIPv4, IPv6: isIPv6 }[type];
  if (!isIP) return type === 'FQDN' ? fullDomain(path, address) : [];
  const faults = isIP(address) ? [] : [invalid(path, address, `must be a valid ${type} address`)];
  return [...faults, ...reachable(path, address)];
}

/** Zones that an endpoint is meant for. */
function checkZones(path: string, hints: EndpointHints | undefined): FieldError[] {
  const zones = hints?.forZones ?? [];
  if (zones.length > maxZones) return [tooMany(path, zones.length, maxZones)];
  const seen = new Set<string>();
  return zones.flatMap(({ name }, i) => {
    const at = `${path}[${i}].name`;
    const faults = seen.has(name) ? [duplicate(at, name)] : [];
    seen.add(name);
    return [...faults, ...grammar(at, name, labelValueFaults)];
  });
}

function checkPorts({ ports }: EndpointSlice): FieldError[] {
  if (!ports) return [];
  if (ports.length > maxPorts) return [tooMany('ports', ports.length, maxPorts)];
  const names = new Set<string>();
  return ports.flatMap(({ name = '', protocol, appProtocol }, i) => {
    const at = `ports[${i}]`;
    const faults = name ? grammar(`${at}.name`, name, labelNameFaults) : [];
    if (names.has(name)) faults.push(duplicate(`${at}.name`, name));
    names.add(name);
    faults.push(...oneOf(`${at}.protocol`, protocol, ['SCTP', 'TCP', 'UDP']));
    return appProtocol === undefined
      ? faults
      : [...faults, ...grammar(`${at}.appProtocol`, appProtocol, qualifiedNameFaults)];
  });
}
