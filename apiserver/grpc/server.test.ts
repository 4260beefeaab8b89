import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client as Channel, credentials } from '@grpc/grpc-js';
import { connect } from '#lib/client/connect.ts';
import type { ClientConfig, ConnectedClient } from '#lib/client/connect.ts';
import { testClientContract } from '#lib/client/contract.ts';
import { makeView } from '#lib/client/view.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { configMap } from '#lib/kinds/config-map.ts';
import { builtIn } from '#lib/kinds/index.ts';
import { namespace } from '#lib/kinds/namespace.ts';
import { selfSubjectReview } from '#lib/kinds/self-subject-review.ts';
import { isReason } from '#lib/meta/errors.ts';
import { issue, makeAuthority } from '#lib/pki/certificates.ts';
import { WriteRequestVerb, clusterService } from '#protos/gen/cluster.ts';
import type { WriteReply, WriteRequest } from '#protos/gen/cluster.ts';
import { startRelay } from '../../test/harness/relay.ts';
import { makeAdmission } from '../admission/chain.ts';
import { authorize } from '../auth/permissive.fixture.ts';
import { makeMemoryStore } from '../store/memory.ts';
import type { MemoryStore } from '../store/memory.ts';
import { makeWorld } from '../store/world.ts';
import type { Answerer } from '../verbs/verbs.ts';
import { makeVerbs } from '../verbs/verbs.ts';
import { startGrpc } from './server.ts';
import type { GrpcConfig } from './server.ts';

const env = makeRealEnv({ service: 'test', level: 'error' });

/** The verbs over a store in memory, served over gRPC. */
async function serve(config: GrpcConfig, store = makeMemoryStore(env)) {
  const world = await makeWorld(store, env);
  const whoami: Answerer = async (caller) => ({ metadata: {}, status: { userInfo: caller } });
  const answerers = new Map<Kind, Answerer>([[selfSubjectReview, whoami]]);
  const verbs = makeVerbs({
    env,
    store,
    world,
    authorize,
    admission: makeAdmission({ random: env.random, authorize }),
    answerers,
  });
  const grpc = await startGrpc(config, { verbs, kindAt: builtIn.at, env });
  const close = async () => {
    await grpc.stop();
    await world.close();
  };
  return { store, port: grpc.port!, close };
}

function makeFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'wherry-grpc-'));
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  return { path: (name: string) => join(folder, name), write, remove: () => rmSync(folder, { recursive: true }) };
}

/** Certificate files for a server on loopback and for clients. */
async function makePki(folder: ReturnType<typeof makeFolder>) {
  const authority = await makeAuthority('test', env.now());
  const server = await issue(
    authority,
    { commonName: 'server', dnsNames: ['kubernetes'], usages: ['server'] },
    env.now(),
  );
  const caFile = folder.write('ca.crt', authority.certPem);
  const leaf = async (commonName: string, organizations: string[]) => {
    const pair = await issue(authority, { commonName, organizations, usages: ['client'] }, env.now());
    return {
      caFile,
      certFile: folder.write(`${commonName}.crt`, pair.certPem),
      keyFile: folder.write(`${commonName}.key`, pair.keyPem),
    };
  };
  const own = {
    caFile,
    certFile: folder.write('server.crt', server.certPem),
    keyFile: folder.write('server.key', server.keyPem),
  };
  return { own, leaf };
}

testClientContract('connect() over mutual TLS', async () => {
  const folder = makeFolder();
  const { own, leaf } = await makePki(folder);
  const server = await serve({ ...own, address: '127.0.0.1:0' });
  const relay = await startRelay(server.port);
  const client = connect({ ...(await leaf('tester', [])), address: `127.0.0.1:${relay.port}` }, env);
  const close = async () => {
    client.close();
    await server.close();
    await relay.stop();
    folder.remove();
  };
  return { client, env, disconnect: relay.cut, close };
});

suite('startGrpc()', () => {
  let folder: ReturnType<typeof makeFolder>;
  let server: Awaited<ReturnType<typeof serve>>;
  let store: MemoryStore;
  let socketPath: string;
  let own: Awaited<ReturnType<typeof makePki>>['own'];
  let leaf: Awaited<ReturnType<typeof makePki>>['leaf'];
  const clients: ConnectedClient[] = [];
  const open = (config: Partial<ClientConfig> = {}) => {
    const client = connect({ address: `unix:${socketPath}`, ...config }, env);
    clients.push(client);
    return client;
  };
  const whoIs = async (client: ConnectedClient) => {
    const answer = await client.create(selfSubjectReview, { metadata: {} });
    return (answer as unknown as { status: { userInfo: { name: string; groups: string[] } } }).status.userInfo;
  };
  suiteSetup(async () => {
    folder = makeFolder();
    socketPath = folder.path('api.sock');
    ({ own, leaf } = await makePki(folder));
    // What a killed server leaves behind must not hinder the next.
    folder.write('api.sock', '');
    server = await serve({ socketPath, ...own, address: '127.0.0.1:0' });
    store = server.store;
    await open().create(namespace, { metadata: { name: 'a' }, spec: {} });
  });
  suiteTeardown(async () => {
    for (const client of clients) client.close();
    await server.close();
    folder.remove();
  });

  test('believes callers on the unix socket, which only its owner can open', async () => {
    assert.equal(statSync(socketPath).mode & 0o777, 0o600);
    assert.deepEqual(await whoIs(open()), {
      name: 'system:apiserver',
      groups: ['system:masters', 'system:authenticated'],
    });
    assert.deepEqual(await whoIs(open({ user: 'jo', groups: ['x', 'y'] })), {
      name: 'jo',
      groups: ['x', 'y', 'system:authenticated'],
    });
  });

  test('takes the name from the certificate, and never from what the caller says', async () => {
    const address = `127.0.0.1:${server.port}`;
    const files = await leaf('system:node:n1', ['system:nodes', 'more']);
    const known = await whoIs(open({ address, ...files, user: 'root', groups: ['system:masters'] }));
    assert.deepEqual(known, { name: 'system:node:n1', groups: ['system:nodes', 'more', 'system:authenticated'] });
  });

  test('lists more than fits a message, in pages of one revision', async () => {
    const client = open();
    const pad = 'x'.repeat(8000);
    for (let i = 0; i < 30; i++) {
      const names = Array.from({ length: 100 }, (_, k) => `big-${i * 100 + k}`);
      await Promise.all(
        names.map((name) => client.create(configMap, { metadata: { namespace: 'a', name }, data: { pad } })),
      );
    }
    const { items, resourceVersion } = await client.list(configMap, { namespace: 'a' });
    assert.equal(items.length, 3000);
    assert.ok(BigInt(resourceVersion) > 0n);
    const abort = new AbortController();
    let seen = 0;
    let messages = 0;
    for await (const batch of client.watch([{ kind: configMap }], { signal: abort.signal })) {
      seen += batch.events.length;
      messages++;
      if (batch.synced) break;
    }
    assert.equal(seen, 3000);
    assert.ok(messages > 10, `${messages} messages`);
  });

  test('ends a watch whose reader does not read, and lets it go on from its last revision', async () => {
    const client = open();
    const abort = new AbortController();
    const create = (i: number) => {
      const metadata = { namespace: 'a', name: `churn-${i}` };
      return client.create(configMap, { metadata, data: { pad: 'x'.repeat(500_000), i: `${i}` } });
    };
    let current = await create(-1);
    const start = BigInt(current.metadata.resourceVersion);
    const slow = client.watch([{ kind: configMap }], { after: start, signal: abort.signal })[Symbol.asyncIterator]();
    const first = slow.next();
    for (let i = 0; i < 60; i++) current = await create(i);
    const seen: string[] = [];
    let reached = start;
    const take = (batch: Awaited<typeof first>) => {
      if (batch.done) return;
      reached = batch.value.revision;
      seen.push(...batch.value.events.map(({ object }) => (object as { data?: { i: string } }).data!.i));
    };
    take(await first);
    await assert.rejects(
      async () => {
        for (;;) take(await slow.next());
      },
      (error) => isReason(error, 'ServiceUnavailable'),
    );
    assert.ok(seen.length < 60, 'nothing was held back');
    for await (const batch of client.watch([{ kind: configMap }], { after: reached, signal: abort.signal })) {
      take({ done: false, value: batch });
      if (batch.revision >= BigInt(current.metadata.resourceVersion)) break;
    }
    assert.deepEqual(
      seen,
      Array.from({ length: 60 }, (_, i) => `${i}`),
    );
  });

  test('answers pipelined writes one by one, failures among them', async () => {
    const channel = new Channel(`unix:${socketPath}`, credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = clusterService.writes;
    const call = channel.makeBidiStreamRequest<WriteRequest, WriteReply>(path, requestSerialize, responseDeserialize);
    const target = { group: '', version: 'v1', plural: 'configmaps', namespace: 'a' };
    for (let id = 1; id <= 200; id++) {
      const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `piped-${id % 150}` } };
      const rest = { subresource: '', patchType: '', dryRun: false, uid: '', resourceVersion: '', fieldManager: '' };
      const verb = WriteRequestVerb.CREATE;
      call.write({ id, verb, target, name: '', body: Buffer.from(JSON.stringify(body)), ...rest });
    }
    call.end();
    const replies: WriteReply[] = [];
    for await (const reply of call) replies.push(reply as WriteReply);
    channel.close();
    assert.deepEqual(
      replies.map(({ id }) => id).toSorted((a, b) => a - b),
      Array.from({ length: 200 }, (_, i) => i + 1),
    );
    const failed = replies.filter(({ status }) => status.length > 0);
    assert.equal(failed.length, 50);
    assert.equal(JSON.parse(failed[0]!.status.toString()).reason, 'AlreadyExists');
    assert.ok(replies.every(({ status, revision }) => status.length > 0 || BigInt(revision) > 0n));
  });

  test('tells of what it cannot do', async () => {
    const client = open();
    const unknown = { ...configMap, plural: 'nothings' };
    await assert.rejects(client.get(unknown, { namespace: 'a', name: 'x' }), (error) => isReason(error, 'NotFound'));
    const ref = { namespace: 'a', name: 'x' };
    await assert.rejects(client.post(configMap, ref, 'nothing', {}), (error) => isReason(error, 'NotFound'));
    const future = (await store.revision()) + 1000n;
    const watch = client.watch([{ kind: configMap }], { after: future, signal: AbortSignal.timeout(5000) });
    await assert.rejects(watch[Symbol.asyncIterator]().next(), (error) => isReason(error, 'Expired'));
  });

  test('a client waits for a server that comes back', async () => {
    const path = folder.path('late.sock');
    const client = open({ address: `unix:${path}` });
    const pending = client.list(namespace);
    const first = await serve({ socketPath: path });
    assert.deepEqual((await pending).items, []);
    await first.close();
    const again = client.list(namespace);
    const second = await serve({ socketPath: path });
    assert.deepEqual((await again).items, []);
    client.close();
    await assert.rejects(client.list(namespace), /./);
    await second.close();
  });

  test('a view outlasts a restart of the server, and hears of what happened meanwhile only', async () => {
    const path = folder.path('restarted.sock');
    const first = await serve({ socketPath: path });
    const client = open({ address: `unix:${path}` });
    await client.create(namespace, { metadata: { name: 'one' }, spec: {} });
    const abort = new AbortController();
    const view = makeView(client, [{ kind: namespace }], { env, signal: abort.signal });
    await view.ready();
    const seen: string[] = [];
    view.onChange((changes) => seen.push(...changes.map(({ object }) => object!.metadata.name)));
    const before = view.list(namespace)[0];
    await first.close();
    const second = await serve({ socketPath: path }, first.store);
    const made = await open({ address: `unix:${path}` }).create(namespace, { metadata: { name: 'two' }, spec: {} });
    await view.waitFor(BigInt(made.metadata.resourceVersion));
    assert.deepEqual(seen, ['two']);
    assert.equal(view.list(namespace)[0], before);
    abort.abort();
    await second.close();
  });
});
