/** What every Client does, the fake one as the real one; called from the tests of each. */
import assert from 'node:assert/strict';
import type { Env } from '#lib/env/env.ts';
import { configMap } from '#lib/kinds/config-map.ts';
import { deployment } from '#lib/kinds/deployment.ts';
import type { ConfigMap } from '#lib/kinds/gen/core-v1.ts';
import { namespace as namespaceKind } from '#lib/kinds/namespace.ts';
import { node } from '#lib/kinds/node.ts';
import { isReason } from '#lib/meta/errors.ts';
import type { Reason } from '#lib/meta/errors.ts';
import type { Client, ViewChange, WatchBatch, WatchTarget } from './types.ts';
import { makeView } from './view.ts';

export interface Subject {
  client: Client;
  env: Env;
  /** Cuts the connection; the client may come back. */
  disconnect(): void;
  close(): Promise<void>;
}

/** Defines the suite. Each test uses a namespace of its own. */
export function testClientContract(name: string, open: () => Promise<Subject>): void {
  suite(`${name} keeps the client's contract`, () => {
    let subject: Subject;
    let client: Client;
    let namespace: string;
    let abort: AbortController;
    let count = 0;
    suiteSetup(async () => {
      subject = await open();
      client = subject.client;
    });
    suiteTeardown(() => subject.close());
    setup(async () => {
      namespace = `contract-${count++}`;
      abort = new AbortController();
      await client.create(namespaceKind, { metadata: { name: namespace }, spec: {} });
    });
    teardown(() => abort.abort());
    const add = (name: string, data: Record<string, string> = {}, labels: Record<string, string> = {}) =>
      client.create(configMap, { metadata: { namespace, name, labels }, data });
    const watched = (targets: WatchTarget[], after?: bigint) =>
      client.watch(targets, { signal: abort.signal, ...(after !== undefined && { after }) })[Symbol.asyncIterator]();

    test('create() and get() give the object as it is stored', async () => {
      const made = await add('a', { key: 'ü' });
      assert.equal(made.kind, 'ConfigMap');
      assert.match(made.metadata.uid, /^[0-9a-f-]{36}$/);
      assert.ok(BigInt(made.metadata.resourceVersion) > 0n);
      assert.deepEqual(await client.get(configMap, { namespace, name: 'a' }), made);
      const named = await client.create(configMap, { metadata: { namespace, generateName: 'x-' } });
      assert.match(named.metadata.name, /^x-[a-z0-9]{5}$/);
    });

    test('failures have their reasons', async () => {
      await add('a');
      await rejects(add('a'), 'AlreadyExists', `configmaps "a" already exists`);
      await rejects(client.get(configMap, { namespace, name: 'b' }), 'NotFound', `configmaps "b" not found`);
      await rejects(client.delete(configMap, { namespace, name: 'b' }), 'NotFound');
      const wrongUid = { uid: '00000000-0000-4000-8000-000000000000' };
      await rejects(client.delete(configMap, { namespace, name: 'a' }, wrongUid), 'Conflict');
    });

    test('update() compares with the version of the object', async () => {
      const first = await add('a', { n: '1' });
      const second = await client.update(configMap, { ...first, data: { n: '2' } });
      assert.deepEqual(second.data, { n: '2' });
      assert.equal(second.metadata.uid, first.metadata.uid);
      assert.ok(BigInt(second.metadata.resourceVersion) > BigInt(first.metadata.resourceVersion));
      await rejects(client.update(configMap, { ...first, data: { n: '3' } }), 'Conflict');
      const same = await client.update(configMap, second);
      assert.equal(same.metadata.resourceVersion, second.metadata.resourceVersion);
    });

    test('generation follows the spec, and status has its own way', async () => {
      const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
      const spec = { selector: { matchLabels: { a: 'b' } }, template };
      const made = await client.create(deployment, { metadata: { namespace, name: 'd' }, spec });
      assert.equal(made.metadata.generation, 1);
      const scaled = await client.update(deployment, { ...made, spec: { ...made.spec, replicas: 3 } });
      assert.equal(scaled.metadata.generation, 2);
      const status = { observedGeneration: 2, replicas: 3 };
      const told = await client.updateStatus(deployment, { ...scaled, spec: { ...made.spec, replicas: 9 }, status });
      assert.equal(told.spec?.replicas, 3);
      assert.equal(told.status?.replicas, 3);
      assert.equal(told.metadata.generation, 2);
      const kept = await client.update(deployment, { ...told, status: {} });
      assert.equal(kept.status?.replicas, 3);
    });

    test('patch() takes the three types', async () => {
      await add('a', { one: '1' });
      const ref = { namespace, name: 'a' };
      const merged = await client.patch(configMap, ref, 'application/merge-patch+json', { data: { two: '2' } });
      assert.deepEqual(merged.data, { one: '1', two: '2' });
      const replace = [{ op: 'replace', path: '/data/one', value: '5' }];
      assert.equal((await client.patch(configMap, ref, 'application/json-patch+json', replace)).data?.one, '5');
      const strategic = { data: { two: null }, metadata: { labels: { l: 'v' } } };
      const last = await client.patch(configMap, ref, 'application/strategic-merge-patch+json', strategic);
      assert.deepEqual(last.data, { one: '5' });
      assert.deepEqual(last.metadata.labels, { l: 'v' });
      const stale = { resourceVersion: merged.metadata.resourceVersion };
      await rejects(
        client.patch(configMap, ref, 'application/merge-patch+json', { data: { x: 'y' } }, stale),
        'Conflict',
      );
    });

    test('delete() removes, and waits for finalizers', async () => {
      await add('a');
      await client.delete(configMap, { namespace, name: 'a' });
      await rejects(client.get(configMap, { namespace, name: 'a' }), 'NotFound');
      const metadata = { namespace, name: 'b', finalizers: ['example.com/wait'] };
      await client.create(configMap, { metadata });
      const marked = await client.delete(configMap, { namespace, name: 'b' });
      assert.ok(marked.metadata.deletionTimestamp);
      const { finalizers: _, ...rest } = (await client.get(configMap, { namespace, name: 'b' })).metadata;
      await client.update(configMap, { ...marked, metadata: rest });
      await rejects(client.get(configMap, { namespace, name: 'b' }), 'NotFound');
    });

    test('list() selects by namespace, labels and fields', async () => {
      await add('a', {}, { tier: 'x' });
      await add('b', {}, { tier: 'y' });
      const names = async (options: object) =>
        (await client.list(configMap, { namespace, ...options })).items.map((item) => item.metadata.name);
      assert.deepEqual(await names({}), ['a', 'b']);
      assert.deepEqual(await names({ labelSelector: 'tier=y' }), ['b']);
      assert.deepEqual(await names({ fieldSelector: 'metadata.name=a' }), ['a']);
      const all = await client.list(configMap);
      assert.ok(all.items.length >= 2);
      assert.ok(BigInt(all.resourceVersion) >= BigInt(all.items.at(-1)!.metadata.resourceVersion));
    });

    test('watch() gives the state of all kinds first, then every change in one order', async () => {
      await add('a');
      const batches = watched([{ kind: configMap, namespace }, { kind: node }]);
      const start = await untilSynced(batches);
      const names = start.flatMap(({ events }) => events.map(({ object }) => object.metadata.name));
      assert.ok(names.includes('a'));
      const second = await add('b');
      const third = await client.create(node, { metadata: { name: `${namespace}-node` }, spec: {} });
      const gone = await client.delete(configMap, { namespace, name: 'a' });
      const events = await nextEvents(batches, 3);
      assert.deepEqual(
        events.map(({ type, target, object }) => [type, target, object.metadata.name]),
        [
          ['PUT', 0, 'b'],
          ['PUT', 1, `${namespace}-node`],
          ['DELETE', 0, 'a'],
        ],
      );
      assert.equal(events[0]?.object.metadata.resourceVersion, second.metadata.resourceVersion);
      assert.equal(events[1]?.object.metadata.resourceVersion, third.metadata.resourceVersion);
      assert.ok(BigInt(events[2]!.object.metadata.resourceVersion) >= BigInt(gone.metadata.resourceVersion));
    });

    test('watch() goes on after a revision without the state', async () => {
      const first = await add('a');
      await add('b');
      const batches = watched([{ kind: configMap, namespace }], BigInt(first.metadata.resourceVersion));
      assert.deepEqual(
        (await nextEvents(batches, 1)).map(({ object }) => object.metadata.name),
        ['b'],
      );
    });

    test('watch() shows what starts and ceases to match its selector', async () => {
      const batches = watched([{ kind: configMap, namespace, labelSelector: 'on=yes' }]);
      await untilSynced(batches);
      const off = await add('a', {}, { on: 'no' });
      const on = await client.update(configMap, { ...off, metadata: { ...off.metadata, labels: { on: 'yes' } } });
      await client.update(configMap, { ...on, metadata: { ...on.metadata, labels: { on: 'no' } } });
      const events = await nextEvents(batches, 2);
      assert.deepEqual(
        events.map(({ type }) => type),
        ['PUT', 'DELETE'],
      );
    });

    test('watch() ends with the reason of its signal', async () => {
      const batches = watched([{ kind: configMap, namespace }]);
      await untilSynced(batches);
      abort.abort(new Error('enough'));
      await assert.rejects(Promise.resolve(batches.next()), /enough/);
    });

    test('watch() refuses a revision that is gone', async () => {
      await rejects(watched([{ kind: configMap }], 0n).next(), 'Expired');
    });

    test('a view sees own writes in time, also of kinds it does not hold, and over lost connections', async () => {
      const byTier = {
        tier: { kind: configMap, values: (object: ConfigMap) => Object.values(object.metadata.labels ?? {}) },
      };
      const { env } = subject;
      const options = { indexes: byTier, env, signal: abort.signal };
      const view = makeView(client, [{ kind: configMap, namespace }, { kind: node }], options);
      const seen: ViewChange[] = [];
      view.onChange((changes) => seen.push(...changes));
      await view.ready();
      for (let i = 0; i < 5; i++) {
        const made = await add(`m${i}`, {}, { tier: i % 2 ? 'odd' : 'even' });
        if (i === 2) subject.disconnect();
        // Reads outlast the lost connection; a write at this moment could be told that its outcome is unknown.
        if (i === 2) await client.list(configMap, { namespace });
        await view.waitFor(BigInt(made.metadata.resourceVersion));
        assert.deepEqual(view.get(configMap, { namespace, name: `m${i}` }), made);
        assert.equal(view.byUid(made.metadata.uid)?.metadata.name, `m${i}`);
      }
      assert.deepEqual(
        view.indexed(configMap, 'tier', 'odd').map((item) => item.metadata.name),
        ['m1', 'm3'],
      );
      const elsewhere = await client.create(namespaceKind, { metadata: { name: `${namespace}-other` }, spec: {} });
      await view.waitFor(BigInt(elsewhere.metadata.resourceVersion));
      const gone = await client.delete(configMap, { namespace, name: 'm1' });
      const after = await client.create(namespaceKind, { metadata: { name: `${namespace}-third` }, spec: {} });
      await view.waitFor(BigInt(after.metadata.resourceVersion));
      assert.equal(view.byUid(gone.metadata.uid), undefined);
      assert.deepEqual(
        view.indexed(configMap, 'tier', 'odd').map((item) => item.metadata.name),
        ['m3'],
      );
      const mine = seen.filter(({ kind }) => kind === configMap);
      const told = mine.map(({ object, before }) => [object?.metadata.name, before?.metadata.name]);
      const expected = [0, 1, 2, 3, 4].map((i) => [`m${i}`, undefined]);
      const own = told.filter(([now, before]) => (now ?? before)!.startsWith('m'));
      assert.deepEqual(own, [...expected, [undefined, 'm1']]);
    });
  });
}

async function rejects(promise: Promise<unknown>, reason: Reason, message?: string): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(isReason(error, reason), `${String(error)} is not ${reason}`);
    if (message !== undefined) assert.equal(error.message, message);
    return true;
  });
}

type Batches = AsyncIterator<WatchBatch>;

async function untilSynced(batches: Batches): Promise<WatchBatch[]> {
  const taken: WatchBatch[] = [];
  do taken.push(await nextOf(batches));
  while (!taken.at(-1)!.synced);
  return taken;
}

async function nextEvents(batches: Batches, wanted: number) {
  const events: WatchBatch['events'] = [];
  while (events.length < wanted) events.push(...(await nextOf(batches)).events);
  return events;
}

async function nextOf(batches: Batches): Promise<WatchBatch> {
  const next = await batches.next();
  assert.ok(!next.done, 'the watch ended');
  return next.value;
}
