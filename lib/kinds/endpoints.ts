import { invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { isIP } from '#lib/meta/addresses.ts';
import { labelNameFaults } from '#lib/meta/names.ts';
import { grammar, label, oneOf, portNumber } from './checks/values.ts';
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
  for (const [i, address] of addresses.entries()) faults.push(...checkAddress(`${path}.addresses[${i}]`, address));
  for (const [i, address] of notReadyAddresses.entries()) {
    faults.push(...checkAddress(`${path}.notReadyAddresses[${i}]`, address));
  }
  for (const [i, port] of ports.entries()) {
    const at = `${path}.ports[${i}]`;
    if (ports.length > 1 || port.name) faults.push(...label(`${at}.name`, port.name));
    faults.push(
      ...portNumber(`${at}.port`, port.port),
      ...oneOf(`${at}.protocol`, port.protocol, ['SCTP', 'TCP', 'UDP']),
    );
  }
  return faults;
}

function checkAddress(path: string, { ip, hostname }: EndpointAddress): FieldError[] {
  const faults: FieldError[] = [];
  const at = `${path}.ip`;
  if (!isIP(ip)) faults.push(invalid(at, ip, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'));
  else if (/^(0\.0\.0\.0|::)$/.test(ip)) faults.push(invalid(at, ip, `may not be unspecified (${ip})`));
  else if (/^127\.|^::1$/.test(ip))
    faults.push(invalid(at, ip, 'may not be in the loopback range (127.0.0.0/8, ::1/128)'));
  else if (/^169\.254\.|^fe80:/i.test(ip)) {
    faults.push(invalid(at, ip, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'));
  }
  if (hostname) faults.push(...grammar(`${path}.hostname`, hostname, labelNameFaults));
  return faults;
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
