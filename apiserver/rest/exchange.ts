/** One request to a resource, and how its objects are sent back. */
import type { Duplex } from 'node:stream';
import type { Env } from '#lib/env/env.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { ApiError, badRequest } from '#lib/meta/errors.ts';
import type { Entry } from '../store/world-types.ts';
import { scaleColumns } from '../verbs/scale.ts';
import type { Caller, ListResult, Verbs } from '../verbs/types.ts';
import { isPretty as isPrettyFor, sendBytes, sendEncoded, sendParts, sendValue } from './answer.ts';
import type { Request, Response } from './answer.ts';
import { mediaTypes } from './negotiate.ts';
import type { Accepted } from './negotiate.ts';
import { entryEnvelope, listEnvelope } from './protobuf-answers.ts';
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
  return isPrettyFor(request, query);
}

/** How much of each object table rows are to carry; throws BadRequest for what upstream's TableOptions do not know. */
export function includeOf(query: URLSearchParams): IncludeObject {
  const include = query.get('includeObject') || 'Metadata';
  if (include === 'None' || include === 'Object' || include === 'Metadata') return include;
  throw badRequest(
    `Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(include)}: must be 'Metadata', 'Object', 'None', or empty`,
  );
}

/** Sends an object in the shape and format that the client accepts. An entry without a key is no stored object; it has one shape only, but for a Scale. */
export function sendEntry(exchange: Exchange, code: number, entry: Entry, accepted: Accepted, { env }: Serving): void {
  const { response, route, query } = exchange;
  const pretty = isPretty(exchange);
  const { kind, subresource } = route;
  const isScale = subresource === 'scale';
  if (accepted.shape === 'object' || (entry.key === '' && !isScale)) {
    if (accepted.format !== 'protobuf' || entry.key === '') {
      return sendEncoded(response, code, entry, accepted, pretty);
    }
    exchange.context.audit?.answered(() => entry.bytes);
    return sendBytes(response, code, mediaTypes.protobuf, entryEnvelope(kind, entry));
  }
  if (accepted.shape === 'metadataList') {
    throw unshapely(
      `you requested PartialObjectMetadataList, but the requested object is not a list (${goType(kind)})`,
    );
  }
  if (accepted.shape === 'metadata') {
    return sendValue(response, code, metadataOf(entry.object, accepted.version), accepted, pretty);
  }
  const { resourceVersion } = entry.object.metadata;
  const options = { version: accepted.version, include: includeOf(query), now: env.now() };
  const shown = isScale ? { columns: scaleColumns } : kind;
  sendValue(response, code, tableOf(shown, [entry], { resourceVersion }, options), accepted, pretty);
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
    const isAsStored = accepted.format === 'protobuf' || (accepted.format === 'json' && !pretty && !accepted.pretty);
    if (isAsStored) exchange.context.audit?.answered(() => Buffer.concat(listParts(kind, result)));
    if (accepted.format === 'protobuf')
      return sendParts(response, 200, mediaTypes.protobuf, listEnvelope(kind, result));
    if (isAsStored) return sendParts(response, 200, mediaTypes.json, listParts(kind, result));
    return sendValue(response, 200, listOf(kind, result), accepted, pretty);
  }
  if (accepted.shape === 'metadata') {
    throw unshapely(`you requested PartialObjectMetadata, but the requested object is a list (${goType(kind)}List)`);
  }
  if (accepted.shape === 'metadataList') {
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

const unshapely = (message: string) => new ApiError('NotAcceptable', message);

/** Upstream's name for what it holds of a kind in memory, such as `*core.Pod`. */
function goType({ group, kind }: Kind): string {
  const [name = ''] = group.split('.');
  return `*${name === '' || name === 'events' ? 'core' : name}.${kind}`;
}
