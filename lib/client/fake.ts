/**
 * An API in memory for unit tests of what uses a Client: names, uids, versions, generations, conflicts, deletion and watches behave as the
 * real one's do; there is no validation, admission or authorisation. It passes the same contract as the real client.
 */
import type { Env } from '#lib/env/env.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { applyStrategicMerge } from '#lib/kinds/strategic-merge.ts';
import { copy, equal } from '#lib/meta/equal.ts';
import { ApiError, alreadyExists, expired, notFound } from '#lib/meta/errors.ts';
import type { Draft, Ref, Resource } from '#lib/meta/object.ts';
import { applyJsonPatch, applyMergePatch } from '#lib/meta/patches.ts';
import { fieldsMatch, matches, parseFieldSelector, parseLabelSelector } from '#lib/meta/selectors.ts';
import { formatTime } from '#lib/meta/time.ts';
import { checkPreconditions, created, deleted, isFinished, refTo, updated } from './fake-object.ts';
import type {
  Client,
  DeleteOptions,
  PatchType,
  Preconditions,
  WatchEvent,
  WatchTarget,
  WriteOptions,
} from './types.ts';

export interface FakeClient extends Client {
  /** The revision of the latest write. */
  readonly revision: bigint;
  /** Forgets all history: a watch that goes on from the past gets Expired. */
  compact(): void;
  /** Breaks all watches, as a lost connection does. */
  disconnect(): void;
}

/** One change: the object as it is now (undefined: gone), and as it was. */
interface Change {
  revision: bigint;
  kind: Kind;
  now: Resource | undefined;
  before: Resource | undefined;
}

export function makeFakeClient(env: Env): FakeClient {
  const objects = new Map<string, Resource>();
  let history: Change[] = [];
  let compacted = 1n;
  let revision = 1n;
  let disconnections = 0;
  const waiting = new Set<() => void>();
  const wakeAll = () => waiting.forEach((wake) => wake());

  const find = (kind: Kind, ref: Ref): Resource => {
    const object = objects.get(keyOf(kind, ref));
    if (!object) throw notFound(kind, ref.name);
    return object;
  };
  const store = (kind: Kind, object: Resource, before: Resource | undefined): Resource => {
    const key = keyOf(kind, refTo(object));
    const gone = before !== undefined && isFinished(object);
    const now = { ...object, metadata: { ...object.metadata, resourceVersion: String(++revision) } };
    if (gone) objects.delete(key);
    else objects.set(key, now);
    history.push({ revision, kind, now: gone ? undefined : now, before: gone ? now : before });
    wakeAll();
    return copy(now);
  };
  const replace = (kind: Kind, before: Resource, next: Resource, options: WriteOptions): Resource => {
    checkPreconditions(kind, before, options);
    return equal(next, before) || options.dryRun ? copy(next) : store(kind, next, before);
  };
  const remove = (kind: Kind, ref: Ref, options: DeleteOptions): Resource => {
    const before = find(kind, ref);
    checkPreconditions(kind, before, options);
    const marked = deleted(kind, before, options, env);
    if (marked) return equal(marked, before) ? copy(before) : store(kind, marked, before);
    const metadata = { ...before.metadata, deletionTimestamp: formatTime(env.now()), deletionGracePeriodSeconds: 0 };
    return store(kind, { ...before, metadata }, before);
  };
  const write = (kind: Kind, asked: Resource, subresource: string, options: WriteOptions = {}): Resource => {
    const before = find(kind, refTo(asked));
    const { uid, resourceVersion } = asked.metadata;
    const preconditions: Preconditions = {
      uid: options.uid ?? uid,
      resourceVersion: options.resourceVersion ?? resourceVersion,
    };
    return replace(kind, before, updated(kind, before, asked, subresource), { ...options, ...preconditions });
  };
  const selected = (target: WatchTarget) => {
    const wanted = filterOf(target);
    return [...objects]
      .filter(([key, object]) => key.startsWith(prefixOf(target.kind)) && wanted(object))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, object]) => object);
  };

  return {
    get revision() {
      return revision;
    },
    compact() {
      history = [];
      compacted = revision;
    },
    disconnect() {
      disconnections++;
      wakeAll();
    },
    get: async <T extends Resource>(kind: Kind<T>, ref: Ref) => copy(find(kind, ref)) as T,
    list: async <T extends Resource>(kind: Kind<T>, options = {}) => {
      const items = selected({ ...options, kind }).map((object) => copy(object) as T);
      return { items, resourceVersion: String(revision), continue: '' };
    },
    async create<T extends Resource>(kind: Kind<T>, draft: Draft<T>, options: WriteOptions = {}) {
      const object = created(kind, draft, env);
      if (objects.has(keyOf(kind, refTo(object)))) throw alreadyExists(kind, object.metadata.name);
      return (options.dryRun ? object : store(kind, object, undefined)) as T;
    },
    update: async <T extends Resource>(kind: Kind<T>, object: T, options?: WriteOptions) =>
      write(kind, object, '', options) as T,
    updateStatus: async <T extends Resource>(kind: Kind<T>, object: T, options?: WriteOptions) =>
      write(kind, object, 'status', options) as T,
    async patch<T extends Resource>(
      kind: Kind<T>,
      ref: Ref,
      type: PatchType,
      patch: object,
      options: WriteOptions & { subresource?: string } = {},
    ) {
      const before = find(kind, ref);
      const asked = patched(kind, before, type, patch);
      return replace(kind, before, updated(kind, before, asked, options.subresource ?? ''), options) as T;
    },
    delete: async <T extends Resource>(kind: Kind<T>, ref: Ref, options: DeleteOptions = {}) =>
      remove(kind, ref, options) as T,
    async post(kind, ref, subresource, body) {
      if (subresource === 'binding') return replace(kind, find(kind, ref), bound(find(kind, ref), body, env), {});
      if (subresource === 'eviction')
        return remove(kind, ref, (body as { deleteOptions?: DeleteOptions }).deleteOptions ?? {});
      throw new ApiError('MethodNotAllowed', `The fake API does not know POST ${kind.plural}/${subresource}`);
    },
    put: async (kind, _ref, subresource, body) => write(kind, body as Resource, subresource),
    async *watch(targets, { after, signal }) {
      if (after !== undefined && (after < compacted || after > revision)) throw expired();
      const filters = targets.map(filterOf);
      const connection = disconnections;
      let reached = after ?? revision;
      if (after === undefined) {
        const events = targets.flatMap((target, i) => selected(target).map((object) => put(i, object)));
        yield { events, revision: reached, synced: true };
      }
      for (;;) {
        if (reached === revision && disconnections === connection) await nextWake(waiting, signal);
        signal.throwIfAborted();
        if (disconnections !== connection)
          throw new ApiError('ServiceUnavailable', 'Cannot go on watching: disconnected');
        if (reached < compacted) throw expired();
        const changes = history.filter((change) => change.revision > reached);
        reached = revision;
        const events = changes.flatMap((change) =>
          targets.flatMap((target, i) => (sameKind(target.kind, change.kind) ? seenBy(filters[i]!, i, change) : [])),
        );
        yield { events, revision: reached, synced: false };
      }
    },
  };
}

function put(target: number, object: Resource): WatchEvent {
  return { type: 'PUT', target, object: copy(object) };
}

function seenBy(
  wanted: (object: Resource) => boolean,
  target: number,
  { now, before, revision }: Change,
): WatchEvent[] {
  if (now && wanted(now)) return [put(target, now)];
  if (!before || !wanted(before)) return [];
  const object = copy(before);
  object.metadata.resourceVersion = String(revision);
  return [{ type: 'DELETE', target, object }];
}

function filterOf({
  kind,
  namespace,
  labelSelector = '',
  fieldSelector = '',
}: WatchTarget): (object: Resource) => boolean {
  const labels = parseLabelSelector(labelSelector);
  const fields = parseFieldSelector(fieldSelector);
  return (object) => {
    const { metadata } = object;
    const read = (path: string) => {
      if (path === 'metadata.name') return metadata.name;
      return path === 'metadata.namespace' ? (metadata.namespace ?? '') : (kind.fields?.[path]?.(object) ?? '');
    };
    if (namespace && metadata.namespace !== namespace) return false;
    return matches(labels, metadata.labels) && fieldsMatch(fields, read);
  };
}

function patched(kind: Kind, before: Resource, type: PatchType, patch: object): Resource {
  if (type === 'application/json-patch+json') return applyJsonPatch(before, patch) as Resource;
  if (type === 'application/merge-patch+json') return applyMergePatch(before, patch) as Resource;
  return applyStrategicMerge(before, patch, kind.schema) as Resource;
}

/** A pod with its node. */
function bound(pod: Resource, body: object, env: Env): Resource {
  const next = copy(pod) as Resource & { spec: { nodeName?: string }; status?: { conditions?: object[] } };
  const { target } = body as { target: { name: string } };
  if (next.spec.nodeName) {
    const because = `pod ${next.metadata.name} is already assigned to node "${next.spec.nodeName}"`;
    throw new ApiError('Conflict', `Operation cannot be fulfilled on pods/binding "${next.metadata.name}": ${because}`);
  }
  next.spec.nodeName = target.name;
  const scheduled = { type: 'PodScheduled', status: 'True', lastTransitionTime: formatTime(env.now()) };
  next.status = { ...next.status, conditions: [...(next.status?.conditions ?? []), scheduled] };
  return next;
}

function prefixOf(kind: Kind): string {
  return `${kind.storage}:`;
}

function keyOf(kind: Kind, { namespace, name }: Ref): string {
  return `${prefixOf(kind)}${kind.namespaced ? namespace : ''}/${name}`;
}

function sameKind(a: Kind, b: Kind): boolean {
  return a.storage === b.storage;
}

function nextWake(waiting: Set<() => void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      waiting.delete(done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    waiting.add(done);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}
