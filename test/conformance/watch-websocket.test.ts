/** Watches as browsers have them: over a WebSocket, an event in each message. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';
import { makeRealEnv } from '#lib/env/real.ts';
import { start } from '../../apiserver/start.ts';
import { configBeside } from '../harness/api.ts';
import type { TestApi } from '../harness/api.ts';
import { eventually } from './operated.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

/** For who waits for a message that does not come. */
const patienceMs = 10_000;

suite('watches over WebSocket', () => {
  let space: Space;
  let api: TestApi;
  let maps: string;
  const sockets: WebSocket[] = [];

  suiteSetup(async () => {
    space = await makeSpace('watch-websocket');
    ({ api } = space);
    maps = `${space.path}/configmaps`;
    await space.configMap('there', { labels: { app: 'web' } });
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${space.name}`;
    const make = async (plural: string, body: object) =>
      assert.equal((await api.ask('POST', `${rbac}/${plural}`, { body })).code, 201);
    await make('roles', {
      metadata: { name: 'watcher' },
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['watch'] }],
    });
    await make('rolebindings', {
      metadata: { name: 'watcher' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'watcher' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'bob' }],
    });
  });
  teardown(() => {
    for (const socket of sockets.splice(0)) socket.terminate();
  });

  const file = (name: string) => readFileSync(join(api.folder, name), 'utf8');
  const asAdmin = () => ({ ca: file('ca.crt'), cert: file('admin.crt'), key: file('admin.key') });

  const begin = (path: string, protocols: string[] = [], options: ClientOptions = asAdmin(), url = api.url) => {
    const socket = new WebSocket(url.replace('https:', 'wss:') + path, protocols, options);
    sockets.push(socket);
    return socket;
  };

  /** A watch that has begun, and its messages one by one. */
  const open = async (...asked: Parameters<typeof begin>) => {
    const socket = begin(...asked);
    const messages: { data: Buffer; isBinary: boolean }[] = [];
    let tell = () => {};
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      messages.push({ data, isBinary });
      tell();
    });
    const closed = once(socket, 'close').then(([code]) => code as number);
    await once(socket, 'open');
    const message = async () => {
      const signal = AbortSignal.timeout(patienceMs);
      while (messages.length === 0) {
        await new Promise<void>((resolve, reject) => {
          tell = resolve;
          signal.onabort = () => reject(new Error('No message came'));
        });
      }
      return messages.shift()!;
    };
    const next = async () => {
      const { data, isBinary } = await message();
      assert.equal(isBinary, false);
      return JSON.parse(data.toString());
    };
    return { socket, closed, message, next };
  };

  /** The answer where there is no WebSocket. */
  const refused = async (...asked: Parameters<typeof begin>) => {
    const socket = begin(...asked);
    socket.on('error', () => {});
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
    return { code: response.statusCode, status: (await json(response)) as { reason: string; message: string } };
  };

  test('tells the state and then changes, each as a message of text', async () => {
    const { socket, next } = await open(`${maps}?watch=1&labelSelector=app%3Dweb`);
    assert.equal(socket.protocol, '');
    const { type, object } = await next();
    assert.deepEqual([type, object.kind, object.metadata.name], ['ADDED', 'ConfigMap', 'there']);
    await space.configMap('hidden', { labels: { app: 'db' } });
    await space.configMap('seen', { labels: { app: 'web' } });
    await space.patch(`${maps}/seen`, { metadata: { labels: { app: 'db' } } });
    for (const expected of ['ADDED seen', 'DELETED seen']) {
      const event = await next();
      assert.equal(`${event.type} ${event.object.metadata.name}`, expected);
    }
  });

  test('is had by the old paths too, and agrees to the sub-protocol that is offered', async () => {
    const path = `/api/v1/watch/namespaces/${space.name}/configmaps/there`;
    const { socket, next } = await open(path, ['base64.binary.k8s.io']);
    assert.equal(socket.protocol, 'base64.binary.k8s.io');
    assert.equal((await next()).object.metadata.name, 'there');
  });

  test('lets who shows a token among the sub-protocols see what it may, and no more', async () => {
    const token = `base64url.bearer.authorization.k8s.io.${Buffer.from('file-token').toString('base64url')}`;
    const protocols = [token, 'base64.binary.k8s.io'];
    const noCertificate = { ca: file('ca.crt') };
    const { socket, next } = await open(
      `${maps}?watch=1&fieldSelector=metadata.name%3Dthere`,
      protocols,
      noCertificate,
    );
    assert.equal(socket.protocol, 'base64.binary.k8s.io');
    assert.equal((await next()).object.metadata.name, 'there');
    const { code, status } = await refused(`${space.path}/secrets?watch=1`, protocols, noCertificate);
    assert.deepEqual([code, status.reason], [403, 'Forbidden']);
    assert.match(status.message, /User "bob" cannot watch resource "secrets"/);
    assert.equal((await refused(`${maps}?watch=1`, [], noCertificate)).code, 403);
  });

  test('takes a turn of flow control, and its seat only until it has begun', async () => {
    const headers = { 'impersonate-user': 'bob', 'impersonate-group': 'system:authenticated' };
    const valueOf = async (name: string) => {
      const lines = (await api.ask('GET', '/metrics')).bytes.toString().split('\n');
      const ofBob = (line: string) => line.startsWith(`${name}{`) && line.includes('flow_schema="global-default"');
      return Number(lines.find(ofBob)?.split(' ').at(-1) ?? 0);
    };
    const before = await valueOf('apiserver_flowcontrol_dispatched_requests_total');
    const { next } = await open(`${maps}?watch=1`, [], { ...asAdmin(), headers });
    assert.equal((await next()).type, 'ADDED');
    assert.equal(await valueOf('apiserver_flowcontrol_dispatched_requests_total'), before + 1);
    assert.equal(await valueOf('apiserver_flowcontrol_current_executing_requests'), 0);
  });

  test('tells tables to who accepts them', async () => {
    const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
    const { next } = await open(`${maps}?watch=1&fieldSelector=metadata.name%3Dthere`, [], { ...asAdmin(), headers });
    const { type, object } = await next();
    assert.deepEqual([type, object.kind, object.rows[0].cells.slice(0, 2)], ['ADDED', 'Table', ['there', 0]]);
  });

  test('tells protobuf in binary messages, which know their length', async () => {
    const headers = { accept: 'application/vnd.kubernetes.protobuf' };
    const path = `${maps}?watch=1&fieldSelector=metadata.name%3Dthere`;
    const { message } = await open(path, [], { ...asAdmin(), headers });
    const { data, isBinary } = await message();
    assert.equal(isBinary, true);
    // Field 1 of a WatchEvent is its type; the object that follows begins with the magic of protobuf as Kubernetes has it.
    assert.equal(data.toString('latin1', 0, 7), '\x0a\x05ADDED');
    assert.ok(data.includes('k8s\0'));
  });

  test('tells bookmarks, and ends when its time is up', async () => {
    const { next, closed } = await open(
      `${maps}?watch=1&allowWatchBookmarks=1&sendInitialEvents=1&resourceVersionMatch=NotOlderThan&timeoutSeconds=1&fieldSelector=metadata.name%3Dthere`,
    );
    assert.equal((await next()).type, 'ADDED');
    const { type, object } = await next();
    assert.deepEqual([type, object.metadata.annotations['k8s.io/initial-events-end']], ['BOOKMARK', 'true']);
    assert.equal(await closed, 1000);
  });

  test('tells as an event that a revision is gone, and closes', async () => {
    // Another server's memory begins where it started.
    const other = await startAnother();
    try {
      const { next, closed } = await open(`${maps}?watch=1&resourceVersion=2`, [], asAdmin(), other.url);
      const { type, object } = await next();
      assert.deepEqual([type, object.code, object.reason], ['ERROR', 410, 'Expired']);
      assert.equal(await closed, 1000);
    } finally {
      await other.stop();
    }
  });

  test('closes when the server stops', async () => {
    const other = await startAnother();
    const { next, closed } = await open(`${maps}?watch=1`, [], asAdmin(), other.url).catch(async (error) => {
      await other.stop();
      throw error;
    });
    assert.equal((await next()).type, 'ADDED');
    await other.stop();
    assert.equal(await closed, 1000);
  });

  test('counts as a watch as long as it lasts, and no longer when the client has left', async () => {
    const own = await makeSpace('watch-websocket-count');
    const counted = async () => {
      const text = (await api.ask('GET', '/metrics')).bytes.toString();
      const labels = 'component="apiserver",group="",resource="services",scope="namespace",subresource="",verb="WATCH"';
      const wanted = new Set(labels.split(','));
      const line = text
        .split('\n')
        .find(
          (line) =>
            line.startsWith('apiserver_longrunning_requests{') && [...wanted].every((label) => line.includes(label)),
        );
      return Number(line?.split(' ').at(-1) ?? 0);
    };
    const before = await counted();
    const { socket } = await open(`${own.path}/services?watch=1`);
    assert.equal(await counted(), before + 1);
    // What a client sends says nothing.
    socket.send('hello');
    socket.close();
    await eventually('it is over', async () => (await counted()) === before);
  });

  test('sends all of a long state to a client that begins to read late', async () => {
    const own = await makeSpace('watch-websocket-late');
    const data = { text: 'x'.repeat(500_000) };
    const names = Array.from({ length: 16 }, (_, i) => `map-${String(i).padStart(2, '0')}`);
    for (const name of names) {
      await api.ask('POST', `${own.path}/configmaps`, { body: { metadata: { name }, data } });
    }
    const { socket, next } = await open(`${own.path}/configmaps?watch=1`);
    socket.pause();
    await api.ask('DELETE', `${own.path}/configmaps/map-00`);
    socket.resume();
    for (const name of names) assert.equal((await next()).object.metadata.name, name);
    const { type, object } = await next();
    assert.equal(`${type} ${object.metadata.name}`, 'DELETED map-00');
  });

  test('is refused as any watch is', async () => {
    assert.equal((await refused(`${maps}?watch=1&labelSelector=%3D%3D`)).code, 400);
    const { code, status } = await refused(`${maps}?watch=1`, ['a', 'b']);
    assert.deepEqual([code, status.reason], [400, 'BadRequest']);
    assert.equal((await refused('/api/v1/componentstatuses?watch=1')).code, 405);
    const yaml = { ...asAdmin(), headers: { accept: 'application/yaml' } };
    assert.equal((await refused(`${maps}?watch=1`, [], yaml)).code, 406);
  });

  test('where nothing is watched the wish is ignored', async () => {
    const { code, status } = await refused(maps);
    assert.deepEqual([code, (status as object as { kind: string }).kind], [200, 'ConfigMapList']);
  });

  /** A second server over the same etcd. */
  async function startAnother(): Promise<{ url: string; stop(): Promise<void> }> {
    const config = configBeside(api, 'watch-websocket', '10.99.0.9');
    const server = await start(config, makeRealEnv({ service: 'watch-websocket' }));
    return { url: `https://127.0.0.1:${server.address.port}`, stop: () => server.stop() };
  }
});
