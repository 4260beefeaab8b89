import { isIPv4, isIPv6 } from '#lib/meta/addresses.ts';
import { duplicate, invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { labelNameFaults, subdomainFaults } from '#lib/meta/names.ts';
import { unchanged } from './checks/metadata.ts';
import { grammar, oneOf } from './checks/values.ts';
import { ageColumn, nameColumn, text, unset } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { EndpointSlice } from './gen/discovery-v1.ts';

const maxEndpoints = 1000;
const maxPorts = 20_000;
const maxAddresses = 100;
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
  defaults: ({ ports }) => {
    for (const port of ports ?? []) {
      port.name ??= '';
      port.protocol ||= 'TCP';
    }
  },
  check: (object, before) => [
    ...checkAddressType(object),
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

function checkAddressType({ addressType }: EndpointSlice): FieldError[] {
  const types = ['FQDN', 'IPv4', 'IPv6'];
  if (!addressType) return [required('addressType')];
  return types.includes(addressType) ? [] : [notSupported('addressType', addressType, types)];
}

function checkEndpoints({ endpoints, addressType }: EndpointSlice): FieldError[] {
  if (endpoints.length > maxEndpoints) return [tooMany('endpoints', endpoints.length, maxEndpoints)];
  return endpoints.flatMap(({ addresses, hostname, nodeName }, i) => {
    const at = `endpoints[${i}]`;
    const faults: FieldError[] = [];
    if (addresses.length === 0) faults.push(required(`${at}.addresses`, 'must contain at least 1 address'));
    if (addresses.length > maxAddresses) faults.push(tooMany(`${at}.addresses`, addresses.length, maxAddresses));
    for (const [j, address] of addresses.entries()) {
      const where = `${at}.addresses[${j}]`;
      if (addressType === 'IPv4' && !isIPv4(address))
        faults.push(invalid(where, address, 'must be a valid IPv4 address'));
      else if (addressType === 'IPv6' && !isIPv6(address))
        faults.push(invalid(where, address, 'must be a valid IPv6 address'));
      else if (addressType === 'FQDN') faults.push(...grammar(where, address, subdomainFaults));
    }
    if (hostname !== undefined) faults.push(...grammar(`${at}.hostname`, hostname, labelNameFaults));
    if (nodeName !== undefined) faults.push(...grammar(`${at}.nodeName`, nodeName, subdomainFaults));
    return faults;
  });
}

function checkPorts({ ports = [] }: EndpointSlice): FieldError[] {
  if (ports.length > maxPorts) return [tooMany('ports', ports.length, maxPorts)];
  const names = new Set<string>();
  return ports.flatMap(({ name = '', protocol }, i) => {
    const at = `ports[${i}]`;
    const faults: FieldError[] = [];
    if (name) faults.push(...grammar(`${at}.name`, name, labelNameFaults));
    if (names.has(name)) faults.push(duplicate(`${at}.name`, name));
    names.add(name);
    return [...faults, ...oneOf(`${at}.protocol`, protocol, ['SCTP', 'TCP', 'UDP'])];
  });
}

function tooMany(field: string, count: number, most: number): FieldError {
  return { field, reason: 'FieldValueTooMany', message: `Too many: ${count}: must have at most ${most} items` };
}
