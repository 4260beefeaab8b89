/** Where a proxy request to a pod or Service leads: rules and sentences of upstream's `registry/core/{pod,service}`. Pure. */
import type { Endpoints, Pod, Service } from '#lib/kinds/gen/core-v1.ts';
import { ApiError, badRequest } from '#lib/meta/errors.ts';

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
}

/** Splits the name in the path. `what` is `pod` or `service`. Throws BadRequest. */
export function wishOf(text: string, what: string): Wish {
  const parts = text.split(':');
  const [scheme, name, port] = parts.length === 1 ? ['', text, ''] : parts.length === 2 ? ['', ...parts] : parts;
  if (parts.length > 3 || !name || (scheme !== '' && scheme !== 'http' && scheme !== 'https'))
    throw badRequest(`invalid ${what} request ${JSON.stringify(text)}`);
  return { scheme: scheme || 'http', name, port: port ?? '' };
}

/** A pod's port; its first one when none is asked for. */
export function podTarget(pod: Pod, { scheme, port }: Wish): Target {
  const first = pod.spec.containers.flatMap(({ ports }) => ports?.[0]?.containerPort ?? [])[0];
  const number = port === '' ? (first ?? (scheme === 'https' ? 443 : 80)) : Number(port);
  if (!Number.isInteger(number) || number < 1 || number > 65_535)
    throw badRequest(`invalid port ${JSON.stringify(port)} of pod "${pod.metadata.name}"`);
  return { scheme, host: proxyable(pod.status?.podIP ?? ''), port: number };
}

/** One of the Service's ready endpoints, by chance from 0 up to 1. Throws ServiceUnavailable when there is none. */
export function serviceTarget(service: Service, endpoints: Endpoints | undefined, wish: Wish, chance: number): Target {
  const named = portNameOf(service, wish.port);
  const found = (endpoints?.subsets ?? []).flatMap(({ addresses = [], ports = [] }) =>
    ports
      .filter(({ name = '' }) => name === named)
      .flatMap(({ port }) => addresses.map(({ ip }) => ({ host: ip, port }))),
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

/** Whoever may write endpoints must not reach what only this machine does. */
function proxyable(ip: string): string {
  const isLocal = /^(0|127|169\.254|22[4-9]|23\d)\./.test(ip) || /^(::1?$|fe[89ab]|ff)/i.test(ip);
  if (ip === '' || isLocal) throw badRequest('address not allowed');
  return ip;
}

const unavailable = (message: string) => new ApiError('ServiceUnavailable', message, {});
