/** Where a handler of a probe or hook points. Pure. */
import type { Container, HTTPGetAction, HTTPHeader } from '#lib/kinds/gen/core-v1.ts';

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
  headers: Record<string, string | string[]>;
}

/** The request an httpGet action means. Names of headers keep their case; those upstream sets are there unless given, and not at all when given as ''. */
export function httpTarget(action: HTTPGetAction, container: Container, podIp: string, userAgent: string): HttpTarget {
  const host = action.host || podIp;
  const port = portOf(action.port, container);
  const headers = headersOf([
    ...Object.entries({ 'User-Agent': userAgent, Accept: '*/*' })
      .filter(([name]) => !action.httpHeaders?.some((header) => header.name.toLowerCase() === name.toLowerCase()))
      .map(([name, value]) => ({ name, value })),
    ...(action.httpHeaders ?? []),
  ]);
  const path = action.path ?? '/';
  return { secure: action.scheme === 'HTTPS', host, port, path: path.startsWith('/') ? path : `/${path}`, headers };
}

/** One of several headers of a name holds all their values; of hosts the first counts. */
function headersOf(list: readonly HTTPHeader[]): Record<string, string | string[]> {
  const byName = Map.groupBy(list, ({ name }) => name.toLowerCase());
  return Object.fromEntries(
    [...byName].flatMap(([key, group]) => {
      const values = group.map(({ value }) => value);
      if (values[0] === '' && (key === 'accept' || key === 'user-agent')) return [];
      return [[group[0]!.name, values.length === 1 || key === 'host' ? values[0]! : values] as const];
    }),
  );
}
