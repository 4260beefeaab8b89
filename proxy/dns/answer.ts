/** Answers questions about the cluster's names, by the Kubernetes DNS specification (version 1.1.0). Pure. */
import type { Zone, ZoneEndpoint, ZonePort, ZoneService } from './zone.ts';
import type { Record } from './wire.ts';

export interface Question {
  name: string;
  type: string;
}

export type Answer =
  | { code: 'NOERROR' | 'NXDOMAIN'; answers: Record[]; authorities: Record[]; additionals: Record[] }
  /** Not ours: ask elsewhere. */
  | 'elsewhere'
  /** An ExternalName whose target is elsewhere: these records, and then what that target resolves to. */
  | { alias: Record; target: string };

export interface ZoneOptions {
  /** Without a final dot, such as `cluster.local`. */
  domain: string;
  /** The address of this server, known as `ns.dns.<domain>`. */
  address: string;
}

/** Seconds that answers may be kept; also for names that do not exist. */
const ttl = 5;
const specificationVersion = '1.1.0';
/** How many ExternalNames may point to each other. */
const aliasLimit = 8;

/** Answers from what the zone knows. Names are compared without regard to case, and given back as they were asked. */
export function answer(question: Question, zone: Zone, options: ZoneOptions): Answer {
  return resolve(question, zone, options, aliasLimit);
}

function resolve(question: Question, zone: Zone, options: ZoneOptions, aliases: number): Answer {
  const name = question.name.toLowerCase().replace(/\.$/, '');
  const found = lookUp(name, zone, options);
  if (found === 'elsewhere') return found;
  if (found?.alias !== undefined) return follow(question, found.alias, zone, options, aliases);
  if (!found) return { code: 'NXDOMAIN', answers: [], authorities: [soa(options)], additionals: [] };
  const { type } = question;
  const answers = found.records
    .filter((record) => record.type === type || type === 'ANY')
    .map((record) => ({ ...record, name: question.name }));
  if (answers.length === 0) return { code: 'NOERROR', answers, authorities: [soa(options)], additionals: [] };
  const additionals = type === 'SRV' ? (found.additionals ?? []) : [];
  return { code: 'NOERROR', answers, authorities: [], additionals };
}

function follow(question: Question, target: string, zone: Zone, options: ZoneOptions, aliases: number): Answer {
  const alias: Record = { type: 'CNAME', name: question.name, ttl, data: target };
  const plain = { code: 'NOERROR' as const, answers: [alias], authorities: [], additionals: [] };
  if (question.type === 'CNAME' || question.type === 'ANY' || aliases === 0) return plain;
  const further = resolve({ name: target, type: question.type }, zone, options, aliases - 1);
  if (further === 'elsewhere') return { alias, target };
  if ('alias' in further) return plain;
  return { ...further, answers: [alias, ...further.answers] };
}

/** What there is at a name: records of all types, perhaps none; or another name; undefined when there is no such name. */
interface Found {
  records: Record[];
  additionals?: Record[];
  alias?: string;
}

const nothingHere: Found = { records: [] };

function lookUp(name: string, zone: Zone, options: ZoneOptions): Found | 'elsewhere' | undefined {
  const reverse = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\.in-addr\.arpa$/.exec(name);
  if (reverse) return addressNames(reverse.slice(1).reverse().join('.'), zone, options);
  const { domain, address } = options;
  if (name === domain) return { records: [soa(options), { type: 'NS', name, ttl, data: `ns.dns.${domain}` }] };
  if (!name.endsWith(`.${domain}`)) return 'elsewhere';
  const labels = name.slice(0, -domain.length - 1).split('.');
  const sort = labels.pop();
  if (sort === 'svc') return serviceNames(labels, zone, options);
  if (sort === 'pod') return podNames(labels);
  if (sort === 'dns')
    return labels.join() === 'ns'
      ? { records: [addressRecord(address)] }
      : labels.length === 0
        ? nothingHere
        : undefined;
  if (sort === 'dns-version' && labels.length === 0)
    return { records: [{ type: 'TXT', name, ttl, data: specificationVersion }] };
  return undefined;
}

/** `[port.proto.|endpoint.]service.namespace`, any of it missing from the left. */
function serviceNames(labels: string[], zone: Zone, options: ZoneOptions): Found | undefined {
  const namespace = labels.pop();
  if (namespace === undefined) return nothingHere;
  const name = labels.pop();
  if (name === undefined) return zone.hasNamespace(namespace) ? nothingHere : undefined;
  const service = zone.service(namespace, name);
  if (!service) return undefined;
  const base = `${name}.${namespace}.svc.${options.domain}`;
  if (labels.length === 0) return atService(service, base);
  if (service.externalName !== undefined) return undefined;
  if (labels.length === 1) {
    const endpoints = service.endpoints.filter(({ hostname }) => hostname === labels[0]);
    if (endpoints.length === 0) return undefined;
    return { records: [...addressRecords(endpoints), ...serversOf(endpoints, base, () => true).records] };
  }
  const [port, protocol] = labels;
  if (labels.length > 2 || !port!.startsWith('_') || !protocol!.startsWith('_')) return undefined;
  const wanted = (one: ZonePort) => `_${one.name}` === port && `_${one.protocol}` === protocol;
  const servers = serversFor(service, base, wanted);
  return servers.records.length > 0 ? servers : undefined;
}

function atService(service: ZoneService, base: string): Found {
  const { externalName, clusterAddresses, endpoints } = service;
  if (externalName !== undefined) return { records: [], alias: externalName };
  const { records, additionals } = serversFor(service, base, () => true);
  const addresses = clusterAddresses.length > 0 ? clusterAddresses.map(addressRecord) : addressRecords(endpoints);
  return { records: [...addresses, ...records], additionals };
}

interface Servers {
  records: Record[];
  additionals: Record[];
}

/** SRV records of a Service: itself where it has an address, else each endpoint. */
function serversFor(service: ZoneService, base: string, wanted: (port: ZonePort) => boolean): Servers {
  if (service.clusterAddresses.length === 0) return serversOf(service.endpoints, base, wanted);
  const ports = service.ports.filter(wanted);
  return {
    records: ports.map(({ port }) => serverRecord(base, port, 100)),
    additionals: service.clusterAddresses.map((address) => ({ ...addressRecord(address), name: base })),
  };
}

function serversOf(endpoints: readonly ZoneEndpoint[], base: string, wanted: (port: ZonePort) => boolean): Servers {
  const weight = Math.max(1, Math.floor(100 / Math.max(1, endpoints.length)));
  const records: Record[] = [];
  const additionals: Record[] = [];
  for (const { hostname, address, ports } of endpoints) {
    const target = `${hostname}.${base}`;
    const fitting = ports.filter(wanted);
    if (fitting.length > 0) additionals.push({ ...addressRecord(address), name: target });
    records.push(...fitting.map(({ port }) => serverRecord(target, port, weight)));
  }
  return { records, additionals };
}

/** `10-42-0-5.namespace.pod`: the address is in the name, whether or not there is such a pod. */
function podNames(labels: string[]): Found | undefined {
  if (labels.length < 2) return nothingHere;
  const address = labels[0]!.replaceAll('-', '.');
  return labels.length === 2 && /^\d{1,3}(\.\d{1,3}){3}$/.test(address)
    ? { records: [addressRecord(address)] }
    : undefined;
}

function addressNames(address: string, zone: Zone, { domain }: ZoneOptions): Found | 'elsewhere' {
  const names = zone.namesOf(address);
  if (names.length === 0) return 'elsewhere';
  return { records: names.map((name) => ({ type: 'PTR', name: '', ttl, data: `${name}.${domain}` })) };
}

function addressRecords(endpoints: readonly ZoneEndpoint[]): Record[] {
  return [...new Set(endpoints.map(({ address }) => address))].map(addressRecord);
}

/** Its name is filled in by who gives it out. */
function addressRecord(address: string): Record {
  return { type: 'A', name: '', ttl, data: address };
}

function serverRecord(target: string, port: number, weight: number): Record {
  return { type: 'SRV', name: '', ttl, data: { priority: 0, weight, port, target } };
}

function soa({ domain }: ZoneOptions): Record {
  return {
    type: 'SOA',
    name: domain,
    ttl,
    data: {
      mname: `ns.dns.${domain}`,
      rname: `hostmaster.${domain}`,
      serial: 1,
      refresh: 7200,
      retry: 1800,
      expire: 86_400,
      minimum: ttl,
    },
  };
}
