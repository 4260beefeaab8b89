import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Etcd3 } from 'etcd3';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { silentLog } from '#lib/env/log.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import { issue, makeAuthority } from '#lib/pki/certificates.ts';
import { freePort, sharedEtcd, startEtcd } from '../../test/harness/etcd.ts';
import type { TestEtcd } from '../../test/harness/etcd.ts';
import { startRelay } from '../../test/harness/relay.ts';
import type { Relay } from '../../test/harness/relay.ts';
import { collect, revisionOf, testStoreContract } from './contract.ts';
import { makeLeases } from './etcd-leases.ts';
import { watchEtcd } from './etcd-watch.ts';
import { makeEtcdStore } from './etcd.ts';
import type { Store } from './types.ts';
import { UnavailableError } from './types.ts';
import { makeWorld } from './world.ts';

const env = makeRealEnv({ service: 'test', level: 'error' });

const open = async () => {
  const { endpoint } = await sharedEtcd();
  return { store: makeEtcdStore({ endpoints: [endpoint] }, env), admin: new Etcd3({ hosts: endpoint }) };
};

let shared: Awaited<ReturnType<typeof open>>;
testStoreContract(
  'makeEtcdStore()',
  async () => {
    shared = await open();
    const { admin, store } = shared;
    return { store, compact: async (revision) => void (await admin.kv.compact({ revision: String(revision) })) };
  },
  async () => {
    await shared.store.close();
    shared.admin.close();
  },
);

suite('makeEtcdStore() over a bad connection', () => {
  let relay: Relay;
  let store: Store;
  let direct: Store;
  let prefix: string;
  let abort: AbortController;
  let count = 0;
  setup(async () => {
    const etcd = await sharedEtcd();
    relay = await startRelay(etcd.port);
    store = makeEtcdStore({ endpoints: [`http://127.0.0.1:${relay.port}`] }, env);
    direct = makeEtcdStore({ endpoints: [etcd.endpoint] }, env);
    prefix = `/registry/bad-${process.pid}-${count++}/`;
    abort = new AbortController();
  });
  teardown(async () => {
    abort.abort();
    await Promise.all([store.close(), direct.close()]);
    await relay.stop();
  });

  test('watch() loses no event when the connection is cut in the middle of catching up', async () => {
    const start = await direct.revision();
    const value = Buffer.alloc(8000, 'x');
    const written: bigint[] = [];
    for (let i = 0; i < 12; i++) {
      const wave = Array.from({ length: 100 }, (_, k) => direct.put(`${prefix}${i}-${k}`, value, 0n));
      written.push(...(await Promise.all(wave)).map(revisionOf));
    }
    relay.cutAfter(3_000_000);
    const events = await collect(store.watch(prefix, start, abort.signal), written.length);
    assert.deepEqual(
      events.map((event) => event.revision),
      written.toSorted((a, b) => Number(a - b)),
    );
    assert.ok(relay.opened > 3, `only ${relay.opened} connections`);
  });

  test('watch() goes on while the connection is cut again and again', async () => {
    const start = await direct.revision();
    const watched = collect(store.watch(prefix, start, abort.signal), 200);
    const written: bigint[] = [];
    for (let i = 0; i < 200; i++) {
      written.push(revisionOf(await direct.put(`${prefix}${i}`, Buffer.from('x'), 0n)));
      if (i % 40 === 20) relay.cut();
    }
    assert.deepEqual(
      (await watched).map((event) => event.revision),
      written,
    );
  });

  test('watch() gives up a stream that is silent while other calls see changes', async () => {
    const hasty = { ...env, after: (delayMs: number, run: () => void) => env.after(delayMs / 20, run) };
    let newest = 0n;
    const connection = { tls: undefined, env: hasty, newest: () => newest, latest: direct.revision };
    const endpoints = [`http://127.0.0.1:${relay.port}`];
    const start = await direct.revision();
    const watched = collect(watchEtcd({ ...connection, endpoints }, prefix, start, abort.signal), 1);
    await until(() => relay.opened === 1);
    relay.stall();
    newest = revisionOf(await direct.put(`${prefix}a`, Buffer.from('x'), 0n));
    assert.equal((await watched)[0]?.revision, newest);
    assert.equal(relay.opened, 2);
  });

  test('put() and delete() tell what became of a write whose answer was lost', async () => {
    let revision = revisionOf(await store.put(`${prefix}a`, Buffer.from('0'), 0n));
    for (let i = 1; i <= 60; i++) {
      const pending = store.put(`${prefix}a`, Buffer.from(`${i}`), revision);
      if (i % 3 === 0) setTimeout(relay.cut, Math.random() * 2);
      const outcome = await pending;
      const stored = (await direct.get(`${prefix}a`))!;
      assert.deepEqual(outcome, { ok: true, revision: stored.revision });
      assert.equal(stored.value.toString(), `${i}`);
      revision = stored.revision;
    }
    const pending = store.delete(`${prefix}a`, revision);
    relay.cut();
    assert.ok((await pending).ok);
  });

  test('a world stays equal to the store while its connection is cut again and again', async () => {
    const world = await makeWorld(store, { ...env, log: silentLog });
    let lost = 0;
    const mirror = new Map<string, bigint>();
    world.subscribe([prefix], world.revision, {
      onEvents: (events) => {
        for (const { type, entry, revision } of events) {
          if (type === 'PUT') mirror.set(entry.key, revision);
          else mirror.delete(entry.key);
        }
      },
      onLost: () => lost++,
    });
    const value = Buffer.from('{"metadata":{"name":"x"}}');
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let i = 0; i < 40; i++) {
        const key = `${prefix}${writer}-${i % 10}`;
        const current = await direct.get(key);
        if (current && i % 3 === 0) revisionOf(await direct.delete(key, current.revision));
        else revisionOf(await direct.put(key, value, current?.revision ?? 0n));
        if (writer === 0 && i % 8 === 4) relay.cut();
      }
    });
    await Promise.all(writers);
    await world.sync();
    const { items } = await direct.list(prefix);
    const stored = items.map((item) => [item.key, item.revision]);
    assert.deepEqual(
      [...world.list(prefix)].map((entry) => [entry.key, entry.revision]),
      stored,
    );
    assert.deepEqual(
      [...mirror].sort(([a], [b]) => (a < b ? -1 : 1)),
      stored,
    );
    assert.ok(relay.opened > 4);
    assert.equal(lost, 0);
    await world.close();
  });

  test('put() creates once, or says that it cannot tell', async () => {
    let told = 0;
    for (let i = 0; i < 60; i++) {
      const pending = store.put(`${prefix}${i}`, Buffer.from(`${i}`), 0n);
      if (i % 2 === 0) setTimeout(relay.cut, Math.random() * 2);
      try {
        const outcome = await pending;
        assert.deepEqual(outcome, { ok: true, revision: (await direct.get(`${prefix}${i}`))!.revision });
        told++;
      } catch (error) {
        assert.ok(error instanceof UnavailableError, String(error));
      }
    }
    assert.ok(told >= 30, `only ${told} were told`);
  });
});

suite('makeEtcdStore() over restarts of etcd', () => {
  let etcd: TestEtcd;
  let store: Store;
  suiteSetup(async () => {
    etcd = await startEtcd();
    store = makeEtcdStore({ endpoints: [etcd.endpoint] }, env);
  });
  suiteTeardown(async () => {
    await store.close();
    await etcd.stop();
  });

  test('put(), get() and watch() go on after kill -9', async () => {
    const abort = new AbortController();
    const first = revisionOf(await store.put('/registry/a', Buffer.from('1'), 0n));
    const watched = collect(store.watch('/registry/', first, abort.signal), 2);
    const second = revisionOf(await store.put('/registry/a', Buffer.from('2'), first));
    await etcd.kill();
    const pending = store.put('/registry/a', Buffer.from('3'), second);
    const read = store.get('/registry/a');
    await etcd.restart();
    const third = revisionOf(await pending);
    assert.ok(['2', '3'].includes((await read)!.value.toString()));
    assert.deepEqual(
      (await watched).map((event) => event.revision),
      [second, third],
    );
    abort.abort();
  });
});

suite('makeEtcdStore() over other transports', () => {
  const writeAndWatch = async (store: Store) => {
    const revision = revisionOf(await store.put('/registry/a', Buffer.from('1'), 0n));
    const events = await collect(store.watch('/registry/', revision - 1n, new AbortController().signal), 1);
    assert.equal(events[0]?.key, '/registry/a');
    await store.close();
  };

  test('a unix socket', async () => {
    const etcd = await startEtcd({ flags: { 'listen-client-urls': 'unix://client.sock:0' } });
    await writeAndWatch(makeEtcdStore({ endpoints: [`unix:${etcd.folder}/client.sock:0`] }, env));
    await etcd.stop();
  });

  test('mutual TLS, by address, and by other certificates from one moment on', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wherry-etcd-tls-'));
    const authority = await makeAuthority('etcd-ca', env.now());
    const usages = ['server', 'client'] as const;
    const pair = await issue(authority, { commonName: 'etcd', dnsNames: ['localhost'], usages }, env.now());
    const files = { caFile: join(folder, 'ca'), certFile: join(folder, 'cert'), keyFile: join(folder, 'key') };
    const lay = (certPem: string, own: { certPem: string; keyPem: string }) => {
      writeFileSync(files.caFile, certPem);
      writeFileSync(files.certFile, own.certPem);
      writeFileSync(files.keyFile, own.keyPem);
    };
    lay(authority.certPem, pair);
    const port = await freePort();
    const flags = {
      'listen-client-urls': `https://127.0.0.1:${port}`,
      'advertise-client-urls': `https://127.0.0.1:${port}`,
      'trusted-ca-file': files.caFile,
      'cert-file': files.certFile,
      'key-file': files.keyFile,
      'client-cert-auth': 'true',
    };
    const etcd = await startEtcd({ flags });
    const endpoints = [`https://127.0.0.1:${port}`];
    await writeAndWatch(makeEtcdStore({ ...files, endpoints }, env));
    const store = makeEtcdStore({ ...files, endpoints }, env);
    const abort = new AbortController();
    const start = await store.revision();
    revisionOf(await store.put('/registry/first', Buffer.from('1'), 0n, 3600));
    const watched = collect(store.watch('/registry/', start, abort.signal), 2);
    const other = await makeAuthority('other-ca', env.now());
    lay(other.certPem, await issue(other, { commonName: 'etcd', dnsNames: ['localhost'], usages }, env.now()));
    await etcd.kill();
    await etcd.restart();
    revisionOf(await store.put('/registry/second', Buffer.from('2'), 0n, 7200));
    assert.deepEqual(
      (await watched).map((event) => event.key),
      ['/registry/first', '/registry/second'],
    );
    abort.abort();
    await store.close();
    await etcd.stop();
    rmSync(folder, { recursive: true });
  });
});

suite('makeLeases()', () => {
  test('leaseFor() shares a lease within a minute, up to 1,000 keys', async () => {
    const fake = makeFakeEnv({ startMs: 0 });
    const granted: number[] = [];
    const leases = makeLeases(fake, async (ttlSeconds) => String(granted.push(ttlSeconds)));
    assert.equal(await leases.leaseFor(3590), '1');
    assert.deepEqual(granted, [3600]);
    await fake.advance(10_000);
    assert.equal(await leases.leaseFor(3590), '1');
    await fake.advance(1000);
    assert.equal(await leases.leaseFor(3590), '2');
    for (let i = 0; i < 998; i++) assert.equal(await leases.leaseFor(3580), '1');
    assert.equal(await leases.leaseFor(3580), '3');
    await leases.forget('3');
    assert.equal(await leases.leaseFor(3580), '4');
  });

  test('leaseFor() grants anew after a grant failed', async () => {
    let failing = true;
    const leases = makeLeases(makeFakeEnv(), async () => {
      if (failing) throw new Error('no');
      return '7';
    });
    await assert.rejects(leases.leaseFor(60), /no/);
    failing = false;
    assert.equal(await leases.leaseFor(60), '7');
  });

  test('put() with a time to live attaches a lease that ends', async () => {
    const { store, admin } = await open();
    const key = `/registry/ttl-${process.pid}`;
    revisionOf(await store.put(key, Buffer.from('x'), 0n, 3600));
    const [kv] = (await admin.kv.range({ key: Buffer.from(key) })).kvs;
    const { TTL } = await admin.leaseClient.leaseTimeToLive({ ID: kv!.lease });
    assert.ok(Number(TTL) >= 3590 && Number(TTL) <= 3660, TTL);
    await admin.leaseClient.leaseRevoke({ ID: kv!.lease });
    assert.equal(await store.get(key), undefined);
    revisionOf(await store.put(key, Buffer.from('y'), 0n, 3600));
    await store.close();
    admin.close();
  });
});

async function until(holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 10_000; !holds();) {
    assert.ok(Date.now() < deadline, 'not in time');
    await env.sleep(10);
  }
}
