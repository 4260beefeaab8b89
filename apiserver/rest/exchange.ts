/** One request to a resource, and how its objects are sent back. */
import type { Duplex } from 'node:stream';
import type { Env } from '#lib/env/env.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { Entry } from '../store/world-types.ts';
import type { Caller, ListResult, Verbs } from '../verbs/types.ts';
import { sendEncoded, sendParts, sendValue } from './answer.ts';
import type { Request, Response } from './answer.ts';
import { mediaTypes } from './negotiate.ts';
import type { Accepted } from './negotiate.ts';
import { isOn } from './query.ts';
import type { RequestContext } from './request-context.ts';
import type { Route } from './route.ts';
import { listParts, listMeta, metadataListOf, metadataOf, tableOf } from './shapes.ts';
import type { IncludeObject } from './shapes.ts';

export interface Exchange {
  request: Request;
  response: Response;
  route: Route;
  query: URLSearchParams;
  caller: Caller;
  context: RequestContext;
}

/** Answers requests to a subresource that is no object: logs, a proxy. The caller has been found to be allowed. */
export type SubresourceHandler = (exchange: Exchange) => Promise<void>;

/** A request to speak another protocol on the connection. */
export type Upgrade = Omit<Exchange, 'response'> & {
  socket: Duplex;
  /** The first bytes after the request. */
  head: Buffer;
};

/** Takes the connection over, for a subresource such as exec. What it throws before it has written anything is answered as a Status. */
export type UpgradeHandler = (upgrade: Upgrade) => Promise<void>;

/** What answering needs besides the exchange. */
export interface Serving {
  verbs: Verbs;
  env: Env;
}

/** Whether the client wants to read the JSON with its own eyes. */
export function isPretty({ request, query }: Exchange): boolean {
  if (query.has('pretty')) return isOn(query, 'pretty');
  return /^(curl|wget|mozilla)/i.test(request.headers['user-agent'] ?? '');
}

/** How much of each object table rows are to carry. */
export function includeOf(query: URLSearchParams): IncludeObject {
  const include = query.get('includeObject');
  return include === 'None' || include === 'Object' ? include : 'Metadata';
}

/** Sends an object in the shape and format that the client accepts. An entry without a key is no stored object and has one shape only. */
export function sendEntry(exchange: Exchange, code: number, entry: Entry, accepted: Accepted, { env }: Serving): void {
  const { response, route, query } = exchange;
  const pretty = isPretty(exchange);
  if (accepted.shape === 'object' || entry.key === '') return sendEncoded(response, code, entry, accepted, pretty);
  if (accepted.shape === 'metadata') {
    return sendValue(response, code, metadataOf(entry.object, accepted.version), accepted, pretty);
  }
  const { resourceVersion } = entry.object.metadata;
  const options = { version: accepted.version, include: includeOf(query), now: env.now() };
  sendValue(response, code, tableOf(route.kind, [entry], { resourceVersion }, options), accepted, pretty);
}

/** Sends a list in the shape and format that the client accepts. */
export async function sendList(
  exchange: Exchange,
  result: ListResult,
  accepted: Accepted,
  { env }: Serving,
): Promise<void> {
  const { response, route, query } = exchange;
  const pretty = isPretty(exchange);
  const { kind } = route;
  if (accepted.shape === 'object') {
    if (accepted.format === 'json' && !pretty)
      return sendParts(response, 200, mediaTypes.json, listParts(kind, result));
    return sendValue(response, 200, listOf(kind, result), accepted, pretty);
  }
  if (accepted.shape === 'metadata') {
    return sendValue(response, 200, metadataListOf(result, accepted.version), accepted, pretty);
  }
  const options = { version: accepted.version, include: includeOf(query), now: env.now() };
  sendValue(response, 200, tableOf(kind, result.entries, listMeta(result), options), accepted, pretty);
}

function listOf(kind: Kind, result: ListResult): object {
  return {
    kind: `${kind.kind}List`,
    apiVersion: kind.apiVersion,
    metadata: listMeta(result),
    items: result.entries.map(({ object }) => object),
  };
}
