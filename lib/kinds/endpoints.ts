import { required, type FieldError } from '#lib/meta/errors.ts';
import { labelNameFaults, qualifiedNameFaults, subdomainFaults } from '#lib/meta/names.ts';
import { address, grammar, label, oneOf, portNumber, reachable } from './checks/values.ts';
import { ageColumn, nameColumn, none, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { EndpointAddress, Endpoints, EndpointSubset } from './gen/core-v1.ts';

/** Addresses that a table shows before it only counts. */
const shownInTable = 3;

export const endpoints = defineKind<Endpoints>({
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  description: 'The addresses behind a Service, in one object. EndpointSlice is its successor.',
  plural: 'endpoints',
  short: ['ep'],
  namespaced: true,
  createdByUpdate: true,
  schema: 'io.k8s.api.core.v1.Endpoints',
  defaults: ({ subsets }) => {
    for (const { ports } of subsets ?? []) for (const port of ports ?? []) port.protocol ||= 'TCP';
  },
  check: ({ subsets }) => (subsets ?? []).flatMap((subset, i) => checkSubset(`subsets[${i}]`, subset)),
  columns: [nameColumn, text('Endpoints', formatEndpoints), ageColumn],
});

function checkSubset(
  path: string,
  { addresses = [], notReadyAddresses = [], ports = [] }: EndpointSubset,
): FieldError[] {
  const faults: FieldError[] = [];
  if (addresses.length === 0 && notReadyAddresses.length === 0) {
    faults.push(required(path, 'must specify `addresses` or `notReadyAddresses`'));
  }
  for (const [i, one] of addresses.entries()) faults.push(...checkAddress(`${path}.addresses[${i}]`, one));
  for (const [i, one] of notReadyAddresses.entries()) {
    faults.push(...checkAddress(`${path}.notReadyAddresses[${i}]`, one));
  }
  for (const [i, port] of ports.entries()) {
    const at = `${path}.ports[${i}]`;
    if (ports.length > 1 || port.name) faults.push(...label(`${at}.name`, port.name));
    faults.push(
      ...portNumber(`${at}.port`, port.port),
      ...oneOf(`${at}.protocol`, port.protocol, ['SCTP', 'TCP', 'UDP']),
      ...(port.appProtocol === undefined ? [] : grammar(`${at}.appProtocol`, port.appProtocol, qualifiedNameFaults)),
    );
  }
  return faults;
}

function checkAddress(path: string, { ip, hostname, nodeName }: EndpointAddress): FieldError[] {
  return [
    ...address(`${path}.ip`, ip),
    ...(hostname ? grammar(`${path}.hostname`, hostname, labelNameFaults) : []),
    ...(nodeName === undefined ? [] : grammar(`${path}.nodeName`, nodeName, subdomainFaults)),
    ...reachable(`${path}.ip`, ip),
  ];
}

function formatEndpoints({ subsets = [] }: Endpoints): string {
  const all = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map(({ ip }) => ip)
      : ports.flatMap(({ port }) => addresses.map(({ ip }) => `${ip.includes(':') ? `[${ip}]` : ip}:${port}`)),
  );
  const more = all.length - shownInTable;
  return (all.slice(0, shownInTable).join(',') || none) + (more > 0 ? ` + ${more} more...` : '');
}
