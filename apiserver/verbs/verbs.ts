/** The verbs, put together: REST and gRPC both end here. */
import type { Env } from '#lib/env/env.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { ApiError, badRequest, notFound } from '#lib/meta/errors.ts';
import type { Ref, Resource } from '#lib/meta/object.ts';
import { makeQuotaCharger } from '../admission/quota-charger.ts';
import type { Policies } from '../policies/policies.ts';
import type { Webhooks } from '../webhooks/webhooks.ts';
import type { Admission } from '../admission/types.ts';
import { demand } from '../auth/authorize.ts';
import type { Authorizer } from '../auth/authorize.ts';
import { CompactedError, UnavailableError } from '../store/types.ts';
import type { Store } from '../store/types.ts';
import type { World } from '../store/world-types.ts';
import { admitted, makeLookup, warner } from './context.ts';
import type { Attachment, VerbsContext } from './context.ts';
import { create } from './create.ts';
import { decodeObject } from './decode.ts';
import { remove, removeCollection } from './delete.ts';
import { transientEntry } from './entries.ts';
import { bindPod, evictPod } from './pod-subresources.ts';
import { observedEntry, observedList } from './observed.ts';
import type { Observer } from './observed.ts';
import { makeReader } from './reader.ts';
import { scaleOf } from './scale.ts';
import type { Caller, Verbs, WriteOptions } from './types.ts';
import { patch, update } from './update.ts';
import { startWatch } from './watcher.ts';
import { makeWriter } from './writer.ts';

/** Answers a POST of an object that is never stored, such as a review. */
export type Answerer = (caller: Caller, namespace: string, object: Resource) => Promise<object>;

/** Answers a POST to a subresource of an object. */
export type SubresourceAnswerer = (caller: Caller, ref: Ref, body: unknown, options: WriteOptions) => Promise<object>;

export interface VerbsOptions {
  env: Env;
  store: Store;
  world: World;
  authorize: Authorizer;
  admission: Admission;
  policies?: Policies;
  webhooks?: Webhooks;
  attachments?: ReadonlyMap<Kind, Attachment>;
  /** By kind: those whose objects are answers. */
  answerers?: ReadonlyMap<Kind, Answerer>;
  /** By kind: those that are found out when they are read. */
  observers?: ReadonlyMap<Kind, Observer>;
  /** By `plural/subresource`. */
  subresources?: ReadonlyMap<string, SubresourceAnswerer>;
}

/** meta/v1 Status of a POST that has nothing else to say; it tells which revision a reader must reach to see what was done. */
function createdStatus(revision: bigint): Resource {
  const metadata = { resourceVersion: String(revision) };
  return { kind: 'Status', apiVersion: 'v1', metadata, status: 'Success', code: 201 } as unknown as Resource;
}

export function makeVerbs(options: VerbsOptions): Verbs {
  const { env, store, world } = options;
  const writer = makeWriter(store, world);
  const look = makeLookup(world);
  const context: VerbsContext = {
    env,
    world,
    reader: makeReader(store, world),
    writer,
    authorize: options.authorize,
    admission: options.admission,
    policies: options.policies,
    webhooks: options.webhooks,
    charge: makeQuotaCharger(writer, look, world),
    look,
    attachments: options.attachments ?? new Map(),
  };
  const answerers = options.answerers ?? new Map<Kind, Answerer>();
  const subresources = options.subresources ?? new Map<string, SubresourceAnswerer>();
  const podAnswerers: Readonly<Record<string, typeof bindPod>> = { binding: bindPod, eviction: evictPod };

  return {
    get: (caller, kind, ref, { resourceVersion, subresource = '' } = {}) =>
      translated(async () => {
        demand(options.authorize, caller, 'get', kind, { ...ref, subresource });
        const observe = options.observers?.get(kind);
        if (observe) return observedEntry(kind, await observe(), ref.name);
        const entry = await context.reader.get(kind, ref, resourceVersion);
        return subresource === 'scale' ? transientEntry(scaleOf(kind, entry.object), entry.revision) : entry;
      }),

    list: (caller, kind, list) =>
      translated(async () => {
        demand(options.authorize, caller, 'list', kind, list);
        const observe = options.observers?.get(kind);
        return observe ? observedList(kind, await observe(), list) : context.reader.list(kind, list);
      }),

    watch: (caller, targets, after, handlers) =>
      translated(async () => {
        if (targets.length === 0) throw badRequest('Cannot watch: no kinds named');
        for (const target of targets) demand(options.authorize, caller, 'watch', target.kind, target);
        if (after === undefined) await world.sync();
        else await context.reader.reach(after);
        return startWatch(world, targets, after, handlers);
      }),

    create: (caller, kind, namespace, body, writing = {}) =>
      translated(async () => {
        const answer = answerers.get(kind);
        if (!answer) {
          if (kind.plural === 'bindings' && kind.group === '') {
            const { name } = decodeObject(kind, body, writing).metadata;
            const revision = await bindPod(context, caller, { namespace, name }, body, writing);
            return transientEntry(createdStatus(revision), revision);
          }
          return create(context, caller, kind, namespace, body, writing);
        }
        demand(options.authorize, caller, 'create', kind, { namespace });
        return transientEntry(await answer(caller, namespace, decodeObject(kind, body, writing)));
      }),

    createSubresource: (caller, kind, ref, subresource, body, writing = {}) =>
      translated(async () => {
        const podAnswerer = kind === podKind ? podAnswerers[subresource] : undefined;
        if (podAnswerer) return createdStatus(await podAnswerer(context, caller, ref, body, writing));
        const answer = subresources.get(`${kind.plural}/${subresource}`);
        if (!answer) throw notFound(kind, `${ref.name}/${subresource}`);
        demand(options.authorize, caller, 'create', kind, { ...ref, subresource });
        await admitted(context, {
          operation: 'CREATE',
          kind,
          namespace: ref.namespace,
          name: ref.name,
          subresource,
          object: (body ?? {}) as Resource,
          before: undefined,
          caller,
          dryRun: writing.dryRun ?? false,
          warn: warner(writing.notes),
        });
        return (await answer(caller, ref, body, writing)) as Resource;
      }),

    update: (caller, kind, ref, body, writing) => translated(() => update(context, caller, kind, ref, body, writing)),

    patch: (caller, kind, ref, type, body, writing) =>
      translated(() => patch(context, caller, kind, ref, type, body, writing)),

    delete: (caller, kind, ref, how) => translated(() => remove(context, caller, kind, ref, how)),

    deleteCollection: (caller, kind, list, how) => translated(() => removeCollection(context, caller, kind, list, how)),
  };
}

/** Failures of the store, as clients know them. */
async function translated<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof UnavailableError) {
      throw new ApiError('ServiceUnavailable', error.message, { retryAfterSeconds: 1 }, { cause: error });
    }
    if (error instanceof CompactedError) throw new ApiError('Expired', error.message, undefined, { cause: error });
    throw error;
  }
}
