/** POST, PUT, PATCH and DELETE. */
import { applyPatchType } from '../verbs/patching.ts';
import { scaleType } from '../verbs/scale.ts';
import type { WriteNotes, WriteOptions } from '../verbs/types.ts';
import { addWarnings, sendValue } from './answer.ts';
import { mediaTypeOf, parseBody, parseObject, parsePatch } from './body.ts';
import type { Body } from './body.ts';
import { isPretty, sendEntry, sendList } from './exchange.ts';
import type { Exchange, Serving } from './exchange.ts';
import { jsonTypes, mediaTypes, unsupportedMediaType } from './negotiate.ts';
import type { Accepted } from './negotiate.ts';
import { applyFaults } from './field-manager.ts';
import { deleteOptions, listOptions, writeOptions } from './query.ts';
import { readBody } from './read-body.ts';

const strategicPatchType = 'application/strategic-merge-patch+json';

const patchTypes = ['application/json-patch+json', 'application/merge-patch+json', strategicPatchType, applyPatchType];

export async function create(exchange: Exchange, accepted: Accepted, serving: Serving): Promise<void> {
  const { response, route, query, caller } = exchange;
  const { kind, namespace, subresource } = route;
  const options = withNotes(exchange, writeOptions(query, 'CreateOptions', agentOf(exchange)));
  if (subresource) {
    const { value, duplicates } = await objectOf(exchange, serving);
    const writing = { ...options, duplicates };
    const answer = await warned(exchange, options, () =>
      serving.verbs.createSubresource(caller, kind, route, subresource, value, writing),
    );
    const shown = answer.kind === 'Status' ? plainStatus(answer) : answer;
    sendValue(response, 201, shown, accepted, isPretty(exchange));
    return;
  }
  const { value, duplicates } = await objectOf(exchange, serving);
  const writing = { ...options, duplicates };
  const entry = await warned(exchange, options, () => serving.verbs.create(caller, kind, namespace, value, writing));
  // What is stored is none, and need not be parsed to be sent.
  const isStatus = entry.key === '' && entry.object.kind === 'Status';
  if (isStatus) sendValue(response, 201, plainStatus(entry.object), accepted, isPretty(exchange));
  else sendEntry(exchange, 201, entry, accepted, serving);
}

export async function update(exchange: Exchange, accepted: Accepted, serving: Serving): Promise<void> {
  const { route, query, caller } = exchange;
  const options = withNotes(exchange, {
    ...writeOptions(query, 'UpdateOptions', agentOf(exchange)),
    subresource: route.subresource,
  });
  const { value, duplicates } = await objectOf(exchange, serving);
  const writing = { ...options, duplicates };
  const entry = await warned(exchange, options, () => serving.verbs.update(caller, route.kind, route, value, writing));
  sendEntry(exchange, options.notes.created ? 201 : 200, entry, accepted, serving);
}

export async function patch(exchange: Exchange, accepted: Accepted, serving: Serving): Promise<void> {
  const { request, route, query, caller } = exchange;
  const type = mediaTypeOf(request.headers['content-type']);
  // Strategic merges go by a schema of ours.
  const known = route.kind.custom ? patchTypes.filter((item) => item !== strategicPatchType) : patchTypes;
  if (!known.includes(type)) throw unsupportedMediaType(known);
  const faults = applyFaults(type === applyPatchType, query);
  const given = writeOptions(query, 'PatchOptions', agentOf(exchange), faults);
  const options = withNotes(exchange, { ...given, subresource: route.subresource });
  const { value, duplicates } = parsePatch(await readBody(request, serving.env), type);
  exchange.context.audit?.asked(value);
  const writing = { ...options, duplicates };
  const entry = await warned(exchange, options, () =>
    serving.verbs.patch(caller, route.kind, route, type, value, writing),
  );
  sendEntry(exchange, options.notes.created ? 201 : 200, entry, accepted, serving);
}

export async function remove(exchange: Exchange, accepted: Accepted, serving: Serving): Promise<void> {
  const { response, route, query, caller } = exchange;
  const { kind, name } = route;
  const options = deleteOptions(query, await bodyOf(exchange, serving));
  const { entry, removed } = await serving.verbs.delete(caller, kind, route, options);
  if (!removed || kind.returnsDeleted) {
    const isAccepted = !removed && options.orphanDependents === false;
    return sendEntry(exchange, isAccepted ? 202 : 200, entry, accepted, serving);
  }
  const { uid } = entry.object.metadata;
  const details = { name, ...(kind.group && { group: kind.group }), kind: kind.plural, uid };
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
  sendValue(response, 200, status, accepted, isPretty(exchange));
}

export async function removeCollection(exchange: Exchange, accepted: Accepted, serving: Serving): Promise<void> {
  const { route, query, caller } = exchange;
  const options = deleteOptions(query, await bodyOf(exchange, serving));
  const selected = listOptions(query, route.namespace);
  const result = await serving.verbs.deleteCollection(caller, route.kind, selected, options);
  await sendList(exchange, result, accepted, serving);
}

async function objectOf({ request, route, context }: Exchange, { env }: Serving): Promise<Body> {
  const { kind, subresource } = route;
  const title = subresource === 'scale' ? scaleType.kind : (kind.subresources?.[subresource]?.kind ?? kind.kind);
  const type = request.headers['content-type'];
  if (kind.jsonOnly && subresource !== 'scale' && mediaTypeOf(type) === mediaTypes.protobuf) {
    throw unsupportedMediaType(jsonTypes);
  }
  const body = parseObject(await readBody(request, env), type, title);
  context.audit?.asked(body.value);
  return body;
}

async function bodyOf({ request, context }: Exchange, { env }: Serving): Promise<unknown> {
  const body = parseBody(await readBody(request, env), request.headers['content-type']);
  context.audit?.asked(body);
  return body;
}

/** Runs a verb; whatever becomes of it, the client is told its warnings. */
async function warned<T>({ response }: Exchange, { notes }: { notes: WriteNotes }, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } finally {
    addWarnings(response, notes.warnings);
  }
}

/** Upstream's Status of a success carries no metadata. */
function plainStatus(status: object): object {
  return { ...status, metadata: {} };
}

function agentOf({ request }: Exchange): string | undefined {
  return request.headers['user-agent'];
}

function withNotes({ context }: Exchange, options: WriteOptions): WriteOptions & { notes: WriteNotes } {
  const { audit } = context;
  return { ...options, notes: { warnings: [], created: false, ...(audit && { annotate: audit.annotate }) } };
}
