/** Where a handler of a probe or hook points. Pure. */
import type { Container, HTTPGetAction } from '#lib/kinds/gen/core-v1.ts';

/** A port by number or by name among the container's ports; throws for a name it has not. */
export function portOf(port: number | string, container: Pick<Container, 'ports' | 'name'>): number {
  if (typeof port === 'number') return port;
  const named = container.ports?.find(({ name }) => name === port);
  if (named) return named.containerPort;
  const number = Number(port);
  if (Number.isInteger(number) && number > 0) return number;
  throw new Error(`couldn't find port "${port}" in container "${container.name}"`);
}

export interface HttpTarget {
  secure: boolean;
  /** Where to connect to. */
  host: string;
  port: number;
  path: string;
  headers: Record<string, string>;
}

/** The request an httpGet action means. Names of headers keep their case; those upstream sets are there unless given. */
export function httpTarget(action: HTTPGetAction, container: Container, podIp: string, userAgent: string): HttpTarget {
  const host = action.host || podIp;
  const port = portOf(action.port, container);
  const headers: Record<string, string> = {};
  for (const { name, value } of action.httpHeaders ?? []) headers[name] = value;
  const has = (wanted: string) => Object.keys(headers).some((name) => name.toLowerCase() === wanted);
  if (!has('user-agent')) headers['User-Agent'] = userAgent;
  if (!has('accept')) headers['Accept'] = '*/*';
  const path = action.path ?? '/';
  return { secure: action.scheme === 'HTTPS', host, port, path: path.startsWith('/') ? path : `/${path}`, headers };
}
