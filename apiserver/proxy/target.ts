/** Where a proxy request to a node, pod or Service leads: rules and sentences of upstream's `registry/core/{node,pod,service}`. Pure. */
import { BlockList, isIP } from 'node:net';
import type { EndpointAddress, Endpoints, Node, Pod, Service } from '#lib/kinds/gen/core-v1.ts';
import { ApiError, badRequest } from '#lib/meta/errors.ts';
import { goQuote } from '#lib/meta/go-text.ts';

/** `[scheme:]name[:port]`, as the path names what it proxies to. */
export interface Wish {
  scheme: 'http' | 'https';
  name: string;
  /** Number or name; '' when the request leaves it open. */
  port: string;
}

export interface Target {
  scheme: Wish['scheme'];
  host: string;
  port: number;
  /** Of a node's agent, which is asked in our own name: the name in its certificate. */
  agent?: string;
}

/** Splits the name in the path. `what` is `pod` or `service`. Throws BadRequest. */
export function wishOf(text: string, what: string): Wish {
  const parts = text.split(':');
  const [scheme, name, port] = parts.length === 1 ? ['', text, ''] : parts.length === 2 ? ['', ...parts] : parts;
  if (parts.length > 3 || !name || (scheme !== '' && scheme !== 'http' && scheme !== 'https'))
    throw badRequest(`invalid ${what} request ${goQuote(text)}`);
  return { scheme: scheme || 'http', name, port: port ?? '' };
}

/** A pod's port; its first one when none is asked for. */
export function podTarget(pod: Pod, { scheme, port }: Wish): Target {
  const first = pod.spec.containers.flatMap(({ ports }) => ports?.[0]?.containerPort ?? [])[0];
  const number = port === '' ? (first ?? (scheme === 'https' ? 443 : 80)) : portOf(port, `pod "${pod.metadata.name}"`);
  return { scheme, host: proxyable(pod.status?.podIP ?? ''), port: number };
}

function portOf(text: string, whose: string): number {
  const port = /^\d+$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw badRequest(`invalid port ${goQuote(text)} of ${whose}`);
  return port;
}

/** A node's agent, or with a port of its own whatever listens there. Throws BadRequest for an address that leads back here. */
export function nodeTarget({ metadata, status }: Node, { scheme, port }: Wish): Target {
  const address = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  const agentPort = status?.daemonEndpoints?.kubeletEndpoint?.Port;
  if (!address || !agentPort) throw new ApiError('Unknown', 'no preferred addresses found; known addresses: []');
  if (port === '' || port === String(agentPort))
    return { scheme: 'https', host: address, port: agentPort, agent: metadata.name };
  return { scheme, host: proxyable(address), port: portOf(port, `node "${metadata.name}"`) };
}

/**
 * One of the Service's ready endpoints, by chance from 0 up to 1; `isPod` says whether a pod of the namespace stands behind an address, as whoever
 * may write endpoints must not reach more than that. Throws ServiceUnavailable when there is none.
 */
export function serviceTarget(
  service: Service,
  endpoints: Endpoints | undefined,
  wish: Wish,
  chance: number,
  isPod: (address: EndpointAddress) => boolean,
): Target {
  const named = portNameOf(service, wish.port);
  const found = (endpoints?.subsets ?? []).flatMap(({ addresses = [], ports = [] }) =>
    ports
      .filter(({ name = '' }) => name === named)
      .flatMap(({ port }) => addresses.filter(isPod).map(({ ip }) => ({ host: ip, port }))),
  );
  const chosen = found[Math.floor(chance * found.length)];
  if (!chosen) throw unavailable(`no endpoints available for service "${service.metadata.name}"`);
  return { scheme: wish.scheme, host: proxyable(chosen.host), port: chosen.port };
}

function portNameOf({ metadata, spec }: Service, port: string): string {
  if (!/^\d+$/.test(port)) return port;
  const declared = spec.ports?.find((item) => item.port === Number(port));
  if (!declared) throw unavailable(`no service port ${port} found for service "${metadata.name}"`);
  return declared.name ?? '';
}

/** Whoever may write addresses must not reach what only this machine does: what Go calls no global unicast address. */
const local = new BlockList();
for (const [net, bits] of [
  ['0.0.0.0', 32],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 4],
  ['255.255.255.255', 32],
] as const)
  local.addSubnet(net, bits, 'ipv4');
for (const [net, bits] of [
  ['::', 128],
  ['::1', 128],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  local.addSubnet(net, bits, 'ipv6');

function proxyable(ip: string): string {
  const family = isIP(ip);
  if (family === 0 || ip.includes('%') || local.check(ip, family === 4 ? 'ipv4' : 'ipv6'))
    throw badRequest('address not allowed');
  return ip;
}

const unavailable = (message: string) => new ApiError('ServiceUnavailable', message);
