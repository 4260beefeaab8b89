import assert from 'node:assert/strict';
import fc from 'fast-check';
import { configMap } from '#lib/kinds/config-map.ts';
import { namespace } from '#lib/kinds/namespace.ts';
import { isReason } from '#lib/meta/errors.ts';
import type { Resource } from '#lib/meta/object.ts';
import { caller, makeFixture } from './fixture.ts';
import type { Fixture } from './fixture.ts';
import type { WatchChange } from './types.ts';

/** What a client selects. */
interface Scope {
  namespace: '' | 'a' | 'b';
  labelSelector: '' | 'on=yes' | 'on!=yes';
}

suite('list and watch', () => {
  test('together they equal the history of the store, whatever is written, compacted, dropped and resumed meanwhile', async () => {
    const spaces = fc.constantFrom('a' as const, 'b' as const);
    const target = { space: spaces, name: fc.constantFrom('x', 'y', 'z'), on: fc.constantFrom('yes', 'no') };
    const scope = fc.record({
      namespace: fc.constantFrom('' as const, 'a' as const),
      labelSelector: fc.constantFrom('' as const, 'on=yes' as const, 'on!=yes' as const),
    });
    const client = fc.nat({ max: 2 });
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('write' as const, 'remove' as const), ...target }) },
      { weight: 5, arbitrary: fc.record({ do: fc.constant('list' as const), client, limit: fc.nat({ max: 2 }) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('watch' as const, 'drop' as const), client }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('compact' as const) }) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(scope, { minLength: 3, maxLength: 3 }),
        fc.array(step, { maxLength: 80, size: 'max' }),
        async (scopes, steps) => {
          const fixture = await makeFixture();
          for (const name of ['a', 'b']) await fixture.create(namespace, { metadata: { name } });
          const oracle = await makeOracle(fixture);
          const clients = scopes.map((wanted) => makeClient(fixture, oracle, wanted));
          for (const action of steps) {
            if (action.do === 'write') await write(fixture, action);
            if (action.do === 'remove') await remove(fixture, action);
            if (action.do === 'list') await clients[action.client]!.page(action.limit);
            if (action.do === 'watch') await clients[action.client]!.watch();
            if (action.do === 'drop') clients[action.client]!.drop();
            if (action.do === 'compact') {
              await oracle.catchUp();
              fixture.store.compact(await fixture.store.revision());
            }
          }
          for (const one of clients) await one.check();
          await fixture.stop();
          await oracle.stop();
        },
      ),
      { numRuns: 100 },
    );
  });
});

interface Target {
  space: string;
  name: string;
  on: string;
}

async function write({ verbs, create }: Fixture, { space, name, on }: Target): Promise<void> {
  const ref = { namespace: space, name };
  try {
    await create(configMap, { metadata: { name, labels: { on } } }, space);
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error;
    await verbs.patch(caller, configMap, ref, 'application/merge-patch+json', { metadata: { labels: { on } } });
  }
}

async function remove({ verbs }: Fixture, { space, name }: Target): Promise<void> {
  try {
    await verbs.delete(caller, configMap, { namespace: space, name });
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}

interface Change {
  key: string;
  revision: bigint;
  labels: Record<string, string> | undefined;
}

type Oracle = Awaited<ReturnType<typeof makeOracle>>;

/** Every change of a ConfigMap, as the store tells them to one who never misses any. */
async function makeOracle({ store }: Fixture) {
  const prefix = '/registry/configmaps/';
  const stop = new AbortController();
  const changes: Change[] = [];
  let reached = await store.revision();
  const following = (async () => {
    for await (const batch of store.watch(prefix, reached, stop.signal)) {
      for (const { key, revision, type, value } of batch.events) {
        const object = type === 'PUT' ? (JSON.parse(value.toString()) as Resource) : undefined;
        changes.push({ key: key.slice(prefix.length), revision, labels: object && (object.metadata.labels ?? {}) });
      }
      reached = batch.revision;
    }
  })().catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  const selects = ({ namespace: space, labelSelector }: Scope, key: string, labels: Change['labels']) => {
    if (!labels || (space && !key.startsWith(`${space}/`))) return false;
    return labelSelector === '' || (labels['on'] === 'yes') === (labelSelector === 'on=yes');
  };
  return {
    async catchUp() {
      while (reached < (await store.revision())) await Promise.resolve();
    },
    /** The keys that a list at this revision shows, in order. */
    stateAt(scope: Scope, revision: bigint): string[] {
      const state = new Map<string, Change['labels']>();
      for (const change of changes) if (change.revision <= revision) state.set(change.key, change.labels);
      return [...state]
        .filter(([key, labels]) => selects(scope, key, labels))
        .map(([key]) => key)
        .sort();
    },
    /** The events that a watch of this scope tells between two revisions. */
    eventsBetween(scope: Scope, after: bigint, until: bigint): string[] {
      const state = new Map<string, Change['labels']>();
      const events: string[] = [];
      for (const { key, revision, labels } of changes) {
        const was = selects(scope, key, state.get(key));
        const is = selects(scope, key, labels);
        state.set(key, labels);
        if (revision <= after || revision > until || (!was && !is)) continue;
        events.push(`${is ? (was ? 'MODIFIED' : 'ADDED') : 'DELETED'} ${key} ${revision}`);
      }
      return events;
    },
    async stop() {
      stop.abort();
      await following;
    },
  };
}

/** A client that lists page by page, watches from what it listed, and begins anew when its position is gone. */
function makeClient({ verbs, store }: Fixture, oracle: Oracle, scope: Scope) {
  const target = { kind: configMap, ...scope };
  let pages: { keys: string[]; token: string } = { keys: [], token: '' };
  /** Where the last whole list, or the last event, left it. */
  let position: bigint | undefined;
  let listedAt = 0n;
  let seen: string[] = [];
  let open: { close(): void } | undefined;

  const drop = () => {
    open?.close();
    open = undefined;
  };
  const listed = (keys: string[], revision: bigint) => {
    assert.deepEqual(keys, oracle.stateAt(scope, revision));
    verify();
    drop();
    [position, listedAt, seen, pages] = [revision, revision, [], { keys: [], token: '' }];
  };
  /** What the watches since the last list have told is what happened since. */
  const verify = () => {
    if (position !== undefined) assert.deepEqual(seen, oracle.eventsBetween(scope, listedAt, position));
  };
  const page = async (limit: number) => {
    try {
      const result = await verbs.list(caller, configMap, { ...scope, limit, continue: pages.token });
      await oracle.catchUp();
      const keys = result.entries.map(({ object: { metadata } }) => `${metadata.namespace}/${metadata.name}`);
      pages = { keys: [...pages.keys, ...keys], token: result.continue };
      if (!result.continue) listed(pages.keys, result.revision);
    } catch (error) {
      if (!isReason(error, 'Expired')) throw error;
      pages = { keys: [], token: '' };
    }
  };
  const watch = async () => {
    if (open || position === undefined) return;
    const onChanges = (changes: readonly WatchChange[], revision: bigint) => {
      for (const { type, entry } of changes) {
        const { namespace: space, name, resourceVersion } = entry.object.metadata;
        assert.equal(resourceVersion, String(entry.revision));
        seen.push(`${type} ${space}/${name} ${resourceVersion}`);
      }
      position = revision;
    };
    try {
      open = await verbs.watch(caller, [target], position, { onChanges, onEnd: drop });
    } catch (error) {
      if (!isReason(error, 'Expired')) throw error;
      position = undefined;
    }
  };

  return {
    page,
    watch,
    drop,
    /** Catches up, in whatever way is left, and compares. */
    async check(): Promise<void> {
      for (;;) {
        await watch();
        if (open) break;
        await page(2);
      }
      const latest = await store.revision();
      await oracle.catchUp();
      await verbs.list(caller, configMap, { ...scope, limit: 1 });
      assert.ok(position! >= latest);
      verify();
      drop();
    },
  };
}
