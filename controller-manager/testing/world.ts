/** A world of plain objects for tests of decide functions: applies actions as the API server would, with none of its checks. */
import assert from 'node:assert/strict';
import type { Action } from '#lib/control/types.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { copy } from '#lib/meta/equal.ts';
import { keyOf } from '#lib/meta/object.ts';
import type { ObjectMeta, Ref, Resource } from '#lib/meta/object.ts';

export interface TestWorld {
  /** Milliseconds since the epoch. */
  now: number;
  /** Puts an object there as a user would, filling in its metadata. */
  put<T extends Resource>(kind: Kind<T>, object: object): T;
  get<T extends Resource>(kind: Kind<T>, name: string, namespace?: string): T;
  find<T extends Resource>(kind: Kind<T>, ref: Ref): T | undefined;
  list<T extends Resource>(kind: Kind<T>): T[];
  remove(kind: Kind, object: Resource): void;
  /** Applies decided actions; events are only noted. */
  apply(actions: readonly Action[]): void;
  /** `reason: message` of every event and report so far. */
  events: string[];
}

/** Makes an empty world. Objects land in the namespace `default` unless they say otherwise. */
export function makeTestWorld(startMs = Date.UTC(2026, 0, 1)): TestWorld {
  const objects = new Map<string, Map<string, Resource>>();
  let revision = 0;
  const of = (kind: Kind) => objects.getOrInsertComputed(`${kind.apiVersion}/${kind.kind}`, () => new Map());
  const world: TestWorld = {
    now: startMs,
    events: [],
    put(kind, source) {
      const object = copy(source) as { metadata: Partial<ObjectMeta> };
      revision++;
      const name = object.metadata.name ?? `${object.metadata.generateName}${revision.toString(36).padStart(5, '0')}`;
      const stored = {
        apiVersion: kind.apiVersion,
        kind: kind.kind,
        ...object,
        metadata: {
          uid: `uid-${revision}`,
          generation: 1,
          creationTimestamp: new Date(world.now).toISOString(),
          ...(kind.namespaced && { namespace: 'default' }),
          ...object.metadata,
          name,
          resourceVersion: `${revision}`,
        },
      };
      of(kind).set(keyOf(stored.metadata), stored);
      return stored as never;
    },
    get(kind, name, namespace = kind.namespaced ? 'default' : '') {
      const object = of(kind).get(keyOf({ namespace, name }));
      assert.ok(object, `no ${kind.kind} ${name}`);
      return object as never;
    },
    find: (kind, ref) => of(kind).get(keyOf(ref)) as never,
    list: (kind) => [...of(kind).values()] as never,
    remove: (kind, { metadata }) => void of(kind).delete(keyOf(metadata)),
    apply(actions) {
      for (const action of actions) applyOne(action);
    },
  };

  function applyOne(action: Action): void {
    if (action.do === 'wake' || action.do === 'put') return;
    if (action.do === 'event') {
      world.events.push(`${action.reason}: ${action.message}`);
      return;
    }
    const stored = of(action.kind);
    let name: string;
    if (action.do === 'create') {
      name = world.put(action.kind, action.object).metadata.name;
    } else if (action.do === 'delete' || action.do === 'patch') {
      const key = keyOf(action.target);
      const before = stored.get(key);
      assert.equal(before?.metadata.uid, action.uid, `${action.do} of ${key} with the wrong uid`);
      name = action.target.name;
      if (action.do === 'delete') remove(stored, key, before);
      else keep(stored, key, touched(merged(before, action.patch) as Resource));
    } else {
      const key = keyOf(action.object.metadata);
      const before = stored.get(key)!;
      assert.equal(
        before.metadata.resourceVersion,
        action.object.metadata.resourceVersion,
        `stale ${action.do} of ${key}`,
      );
      name = before.metadata.name;
      stored.set(key, action.do === 'status' ? withStatus(before, action.object) : withSpec(before, action.object));
    }
    const report = 'report' in action ? action.report?.done : undefined;
    if (report) world.events.push(`${report.reason}: ${report.message.replace('{name}', name)}`);
  }

  /** Finalizers hold what is deleted until the last of them is gone. */
  function remove(stored: Map<string, Resource>, key: string, before: Resource): void {
    const deletionTimestamp = before.metadata.deletionTimestamp ?? new Date(world.now).toISOString();
    keep(stored, key, touched({ ...before, metadata: { ...before.metadata, deletionTimestamp } }));
  }

  function keep(stored: Map<string, Resource>, key: string, object: Resource): void {
    const { deletionTimestamp, finalizers = [] } = object.metadata;
    if (deletionTimestamp !== undefined && finalizers.length === 0) stored.delete(key);
    else stored.set(key, object);
  }

  function touched<T extends Resource>(object: T): T {
    return { ...object, metadata: { ...object.metadata, resourceVersion: `${++revision}` } };
  }

  /** As the server does it, a status comes with annotations. */
  function withStatus(before: Resource, object: Resource): Resource {
    const { annotations } = object.metadata;
    const metadata = { ...before.metadata, ...(annotations && { annotations }) };
    return touched({ ...before, metadata, status: copy((object as { status?: unknown }).status) } as Resource);
  }

  function withSpec(before: Resource, object: Resource): Resource {
    const specOf = (source: Resource) => JSON.stringify((source as { spec?: unknown }).spec);
    const generation = before.metadata.generation! + (specOf(before) === specOf(object) ? 0 : 1);
    const status = (before as { status?: unknown }).status;
    return touched({ ...copy(object), metadata: { ...object.metadata, generation }, status } as Resource);
  }

  return world;
}

function merged(before: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = { ...(before as Record<string, unknown>) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}
