/** Clients that list, watch, lose their connections and go on: what they were told is what happened, though many write at once. */
import assert from 'node:assert/strict';
import { Etcd3 } from 'etcd3';
import { makeRealEnv } from '#lib/env/real.ts';
import type { Resource } from '#lib/meta/object.ts';
import { makeEtcdStore } from '../../apiserver/store/etcd.ts';
import type { TestApi } from '../harness/api.ts';
import { makeChance } from './mutations.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

const names = ['a', 'b', 'c', 'd', 'e', 'f'];
const writes = 60;

interface Change {
  type: 'PUT' | 'DELETE';
  name: string;
  on: string | undefined;
  revision: bigint;
}

/** What is written, and when connections are dropped; not how it all interleaves. */
const seed = Number(process.env['WHERRY_TEST_SEED'] ?? Date.now() % 1_000_000);

suite(`history (WHERRY_TEST_SEED=${seed})`, () => {
  let space: Space;
  let api: TestApi;
  let maps: string;
  suiteSetup(async () => {
    space = await makeSpace('history');
    ({ api } = space);
    maps = `${space.path}/configmaps`;
  });

  test('every client is told what etcd has kept, in order and without gaps', async () => {
    const { below } = makeChance(seed);
    const random = () => below(2 ** 30) / 2 ** 30;
    const start = BigInt((await space.configMap('start')).body.metadata.resourceVersion);
    let end: bigint | undefined;
    const isDone = (position: string) => end !== undefined && BigInt(position) >= end;
    const clients = ['', 'on=yes', 'on!=yes', ''].map((selector, i) => follow(selector, random, isDone, i === 3));
    await Promise.all(Array.from({ length: 4 }, () => writeAtRandom(random)));
    // The last change is one that every client is told of.
    await space.configMap('end', { labels: { on: 'yes' } });
    end = BigInt(
      (await space.patch(`${maps}/end`, { metadata: { labels: { on: 'no' } } })).body.metadata.resourceVersion,
    );
    const changes = await changesBetween(start, end);
    for (const { selector, listedAt, events } of await Promise.all(clients)) {
      assert.deepEqual(events, expected(changes, selector, listedAt), `labelSelector=${selector}`);
    }
  });

  test('a client of a quiet kind goes on where it was, however much else was written meanwhile', async () => {
    const quiet = (await space.configMap('quiet')).body.metadata.resourceVersion;
    const folder = `/registry/coordination.k8s.io/leases/${space.name}/`;
    const etcd = new Etcd3({ hosts: api.etcd.endpoint });
    try {
      // More than the server's history holds; by way of etcd, where many are written at once.
      const names = Array.from({ length: 100 }, (_, i) => `busy-${i}`);
      const lease = (name: string, round: number) => ({
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name, namespace: space.name, uid: `${name}-uid`, creationTimestamp: '2026-01-01T00:00:00Z' },
        spec: { leaseTransitions: round },
      });
      for (let round = 0; round < 205; round++) {
        const puts = names.map((name) => etcd.put(folder + name).value(JSON.stringify(lease(name, round))));
        await etcd
          .if(folder, 'Create', '==', 0)
          .then(...puts)
          .commit();
      }
      const leases = `/apis/coordination.k8s.io/v1/namespaces/${space.name}/leases`;
      assert.equal((await api.ask('GET', leases)).body.items.length, names.length);
      const firstOf = async (path: string) => {
        const watch = await api.watch(`${path}?watch=1&resourceVersion=${quiet}`);
        const event = await watch.next();
        watch.close();
        return event;
      };
      // Of the busy kind the past is gone.
      const { type, object } = await firstOf(leases);
      assert.deepEqual([type, object.code, object.reason], ['ERROR', 410, 'Expired']);
      const loud = (await space.configMap('loud')).body;
      assert.deepEqual(await firstOf(maps), { type: 'ADDED', object: loud });
    } finally {
      await etcd.delete().prefix(folder);
      etcd.close();
    }
  });

  async function writeAtRandom(random: () => number): Promise<void> {
    for (let i = 0; i < writes; i++) {
      const name = names[Math.floor(random() * names.length)]!;
      const on = random() < 0.5 ? 'yes' : 'no';
      if (random() < 0.3) await api.ask('DELETE', `${maps}/${name}`);
      else if ((await space.configMap(name, { labels: { on } })).code === 409) {
        await space.patch(`${maps}/${name}`, { metadata: { labels: { on } } });
      }
    }
  }

  /** Lists, then watches until it has seen the end, dropping the connection now and then. */
  async function follow(
    selector: string,
    random: () => number,
    isDone: (position: string) => boolean,
    isSlow: boolean,
  ) {
    const query = `labelSelector=${encodeURIComponent(selector)}`;
    let { metadata } = (await api.ask('GET', `${maps}?${query}&limit=2`)).body;
    while (metadata.continue) {
      ({ metadata } = (await api.ask('GET', `${maps}?${query}&limit=2&continue=${metadata.continue}`)).body);
    }
    const listedAt: string = metadata.resourceVersion;
    const events: string[] = [];
    let position = listedAt;
    const options = 'watch=1&allowWatchBookmarks=true&timeoutSeconds=3';
    while (!isDone(position)) {
      const watch = await api.watch(`${maps}?${options}&${query}&resourceVersion=${position}`);
      assert.equal(watch.code, 200);
      for (let patience = random() * 30; patience > 0 && !isDone(position); patience--) {
        if (isSlow) await new Promise((resolve) => setImmediate(resolve));
        const event = await watch.next();
        if (!event) break;
        position = event.object.metadata.resourceVersion;
        if (event.type !== 'BOOKMARK') events.push(`${event.type} ${event.object.metadata.name} ${position}`);
      }
      watch.close();
    }
    return { selector, listedAt: BigInt(listedAt), events };
  }

  /** What etcd itself tells of the namespace. */
  async function changesBetween(start: bigint, end: bigint): Promise<Change[]> {
    const prefix = `/registry/configmaps/${space.name}/`;
    const store = makeEtcdStore({ endpoints: [api.etcd.endpoint] }, makeRealEnv({ service: 'test' }));
    const stop = new AbortController();
    const changes: Change[] = [];
    for await (const batch of store.watch(prefix, start, stop.signal)) {
      for (const { type, key, value, revision } of batch.events) {
        const object = type === 'PUT' ? (JSON.parse(value.toString()) as Resource) : undefined;
        changes.push({ type, name: key.slice(prefix.length), on: object?.metadata.labels?.['on'], revision });
      }
      if (batch.revision >= end) break;
    }
    stop.abort();
    await store.close();
    return changes;
  }

  function expected(changes: readonly Change[], selector: string, after: bigint): string[] {
    const state = new Map<string, Change>();
    const selects = (change: Change | undefined) => {
      if (change?.type !== 'PUT') return false;
      return selector === '' || (change.on === 'yes') === (selector === 'on=yes');
    };
    const events: string[] = [];
    for (const change of changes) {
      const was = selects(state.get(change.name));
      const is = selects(change);
      state.set(change.name, change);
      if (change.revision <= after || (!was && !is)) continue;
      events.push(`${is ? (was ? 'MODIFIED' : 'ADDED') : 'DELETED'} ${change.name} ${change.revision}`);
    }
    return events;
  }
});
