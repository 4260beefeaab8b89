/** What a Service holds: a cluster IP and node ports, claimed before it is written and given back after it is gone. */
import type { Service } from '#lib/kinds/gen/core-v1.ts';
import { service as kind } from '#lib/kinds/service.ts';
import { ApiError, invalid, invalidObject } from '#lib/meta/errors.ts';
import type { FieldError } from '#lib/meta/errors.ts';
import type { Resource } from '#lib/meta/object.ts';
import { keyOf } from '#lib/meta/object.ts';
import type { Claims, Holder } from './claims.ts';
import type { Attachment, Claim } from './context.ts';
import { completeFamilies, hasFamilies, isHeadless } from './service-families.ts';

export function makeServiceAddresses(ips: Claims, ports: Claims): Attachment {
  return {
    async claim(next, before, dryRun) {
      const service = next as Service;
      const old = before as Service | undefined;
      const taken: [Claims, string][] = [];
      const holder = holderOf(service);
      const giveBack = (items: readonly [Claims, string][]) =>
        Promise.all(items.map(([claims, item]) => claims.free(item, holder)));
      const taker = makeTaker(holder, dryRun, taken);
      try {
        refuse(service, completeFamilies(service));
        await claimAddress(service, old, ips, taker);
        await claimNodePorts(service, old, ports, taker);
      } catch (error) {
        await giveBack(taken);
        throw error;
      }
      const kept = new Set([...addressesOf(service), ...nodePortsOf(service)]);
      const outdated: [Claims, string][] = old
        ? [
            ...addressesOf(old).map((item): [Claims, string] => [ips, item]),
            ...nodePortsOf(old).map((item): [Claims, string] => [ports, item]),
          ].filter(([, item]) => !kept.has(item))
        : [];
      const claim: Claim = {
        async settle(stored) {
          if (!dryRun) await giveBack(stored ? outdated : taken);
        },
      };
      return claim;
    },

    async release(object: Resource) {
      const service = object as Service;
      const holder = holderOf(service);
      await Promise.all([
        ...addressesOf(service).map((item) => ips.free(item, holder)),
        ...nodePortsOf(service).map((item) => ports.free(item, holder)),
      ]);
    },
  };
}

/** The cluster IPs a Service holds. */
export function addressesOf({ spec }: Service): string[] {
  if (spec.type === 'ExternalName') return [];
  return (spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : [])).filter((ip) => ip !== 'None' && ip !== '');
}

/** The node ports a Service holds, each once. */
export function nodePortsOf({ spec }: Service): string[] {
  const ports = [...(spec.ports ?? []).map((port) => port.nodePort), spec.healthCheckNodePort];
  return [...new Set(ports.filter((port) => port !== undefined && port !== 0).map(String))];
}

export function holderOf({ metadata }: Service): Holder {
  return { key: keyOf(metadata), uid: metadata.uid };
}

interface Taker {
  take(claims: Claims, item: string): Promise<string | undefined>;
  takeAny(claims: Claims, what: string): Promise<string>;
}

/** Takes for a holder and notes what was taken. On a dry run it only looks, and shows where the range begins, as upstream does. */
function makeTaker(holder: Holder, dryRun: boolean, taken: [Claims, string][]): Taker {
  return {
    async take(claims, item) {
      const dry = async () =>
        claims.range.includes(item) ? ((await claims.isTaken(item, holder)) ? 'taken' : undefined) : 'out of range';
      const refusal = dryRun ? await dry() : await claims.take(item, holder);
      if (!refusal && !dryRun) taken.push([claims, item]);
      return refusal;
    },
    async takeAny(claims, what) {
      if (dryRun) return claims.range.base;
      const outcome = await claims.takeAny(holder);
      if (outcome === 'full') {
        throw new ApiError('InternalError', `Internal error occurred: failed to allocate a ${what}: range is full`);
      }
      taken.push([claims, outcome.item]);
      return outcome.item;
    },
  };
}

async function claimAddress(service: Service, old: Service | undefined, ips: Claims, taker: Taker): Promise<void> {
  const { spec } = service;
  if (!hasFamilies(service)) return;
  if (isHeadless(service)) {
    spec.clusterIP = 'None';
    spec.clusterIPs = ['None'];
    return;
  }
  const [wanted] = addressesOf(service);
  if (wanted !== undefined) {
    if (old && addressesOf(old).includes(wanted)) return;
    const refusal = await taker.take(ips, wanted);
    if (refusal) throw refuseAddress(service, wanted, refusal, ips);
  } else {
    spec.clusterIP = await taker.takeAny(ips, 'serviceIP');
  }
  if (spec.clusterIP) spec.clusterIPs = [spec.clusterIP];
}

async function claimNodePorts(service: Service, old: Service | undefined, ports: Claims, taker: Taker): Promise<void> {
  const { spec } = service;
  const held = new Set(old ? nodePortsOf(old) : []);
  const isOpen =
    spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);
  const list = spec.ports ?? [];
  for (const [i, port] of list.entries()) {
    if (port.nodePort) {
      if (held.has(String(port.nodePort))) continue;
      const refusal = await taker.take(ports, String(port.nodePort));
      if (refusal) throw refusePort(service, `spec.ports[${i}].nodePort`, port.nodePort, refusal, ports);
      held.add(String(port.nodePort));
    }
  }
  if (!isOpen) return;
  for (const port of list) {
    if (port.nodePort) continue;
    // Two protocols on one port share a node port.
    const twin = list.find((other) => other.port === port.port && other.protocol !== port.protocol && other.nodePort);
    port.nodePort = twin?.nodePort ?? Number(await taker.takeAny(ports, 'nodePort'));
  }
  if (!needsHealthPort(spec)) return;
  const wanted = spec.healthCheckNodePort;
  if (!wanted) {
    spec.healthCheckNodePort = Number(await taker.takeAny(ports, 'nodePort'));
  } else if (!held.has(String(wanted))) {
    const refusal = await taker.take(ports, String(wanted));
    if (refusal) throw refusePort(service, 'spec.healthCheckNodePort', wanted, refusal, ports);
  }
}

function needsHealthPort({ type, externalTrafficPolicy }: Service['spec']): boolean {
  return type === 'LoadBalancer' && externalTrafficPolicy === 'Local';
}

function refuseAddress(service: Service, ip: string, refusal: string, { range }: Claims): ApiError {
  const because =
    refusal === 'taken'
      ? 'provided IP is already allocated'
      : `the provided IP (${ip}) is not in the valid range. The range of valid IPs is ${String(range)}`;
  return invalidObject(kind, service.metadata.name, [
    {
      field: 'spec.clusterIPs',
      reason: 'FieldValueInvalid',
      message: `Invalid value: []string{${JSON.stringify(ip)}}: failed to allocate IP ${ip}: ${because}`,
    },
  ]);
}

function refusePort(service: Service, path: string, port: number, refusal: string, { range }: Claims): ApiError {
  const because =
    refusal === 'taken'
      ? 'provided port is already allocated'
      : `provided port is not in the valid range. The range of valid ports is ${String(range)}`;
  return invalidObject(kind, service.metadata.name, [invalid(path, port, because)]);
}

function refuse(service: Service, faults: FieldError[]): void {
  if (faults.length > 0) throw invalidObject(kind, service.metadata.name, faults);
}
