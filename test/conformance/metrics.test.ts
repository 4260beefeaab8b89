import assert from 'node:assert/strict';
import { once } from 'node:events';
import { constants } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { connect } from '#lib/client/connect.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import { configMap } from '#lib/kinds/config-map.ts';
import type { TestApi } from '../harness/api.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

suite('metrics', () => {
  let space: Space;
  let api: TestApi;
  const env = makeRealEnv({ service: 'test' });

  suiteSetup(async () => {
    space = await makeSpace('metrics');
    ({ api } = space);
  });

  const read = async () => (await api.ask('GET', '/metrics')).bytes.toString();

  /** The sum of the series with this name and these labels, or more. */
  function valueIn(text: string, name: string, labels: Record<string, string> = {}): number {
    const wanted = Object.entries(labels).map(([label, value]) => new RegExp(`[{,]${label}="${value}"`));
    return text
      .split('\n')
      .filter((line) => new RegExp(`^${name}[{ ]`).test(line) && wanted.every((pair) => pair.test(line)))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /** How much that has grown over `act`. */
  async function growth(name: string, labels: Record<string, string>, act: () => Promise<unknown>): Promise<number> {
    const before = valueIn(await read(), name, labels);
    await act();
    return valueIn(await read(), name, labels) - before;
  }

  const ofMaps = (verb: string, scope: string, more: Record<string, string> = {}) => ({
    verb,
    group: '',
    version: 'v1',
    resource: 'configmaps',
    subresource: '',
    scope,
    component: 'apiserver',
    ...more,
  });

  test('each line is of the text format, and each family told once', async () => {
    const { code, headers, bytes } = await api.ask('GET', '/metrics');
    assert.deepEqual([code, headers['content-type']], [200, 'text/plain; version=0.0.4; charset=utf-8']);
    const lines = bytes.toString().trimEnd().split('\n');
    const series = /^[a-z_]\w*(\{(\w+="([^"\\]|\\.)*",?)+\})? (NaN|[+-]?(Inf|\d+(\.\d+)?(e[+-]\d{2,3})?))$/;
    for (const line of lines) assert.match(line, /^# (HELP|TYPE) \w+ ./.test(line) ? /./ : series);
    const families = lines.filter((line) => line.startsWith('# TYPE')).map((line) => line.split(' ')[2]!);
    assert.equal(new Set(families).size, families.length);
    for (const name of ['process_cpu_seconds_total', 'nodejs_heap_size_used_bytes', 'kubernetes_build_info'])
      assert.ok(families.includes(name), name);
  });

  test('requests are counted by verb, resource, scope and code, with their time and size', async () => {
    const path = `${space.path}/configmaps`;
    const grown = (verb: string, scope: string, more: Record<string, string>, act: () => Promise<unknown>) =>
      growth('apiserver_request_total', ofMaps(verb, scope, more), act);
    const make = () => space.configMap('counted');
    assert.equal(await grown('POST', 'resource', { code: '201' }, make), 1);
    assert.equal(await grown('POST', 'resource', { code: '409' }, make), 1);
    const get = () => api.ask('GET', `${path}/counted`);
    assert.equal(await grown('GET', 'resource', { code: '200' }, get), 1);
    assert.equal(await grown('GET', 'resource', { code: '404' }, () => api.ask('GET', `${path}/none`)), 1);
    assert.equal(await grown('LIST', 'namespace', { code: '200' }, () => api.ask('GET', path)), 1);
    const selected = () => api.ask('GET', `${path}?fieldSelector=metadata.name%3Dcounted`);
    assert.equal(await grown('LIST', 'namespace', { code: '200' }, selected), 1);
    assert.equal(await grown('LIST', 'cluster', { code: '200' }, () => api.ask('GET', '/api/v1/configmaps')), 1);
    const patch = () => space.patch(`${path}/counted?dryRun=All`, { data: { a: 'b' } });
    assert.equal(await grown('PATCH', 'resource', { code: '200', dry_run: 'All' }, patch), 1);
    const applied = { apiVersion: 'v1', kind: 'ConfigMap', data: { a: 'b' } };
    const apply = () => space.patch(`${path}/counted?fieldManager=me`, applied, 'application/apply-patch+yaml');
    assert.equal(await grown('APPLY', 'resource', { code: '200' }, apply), 1);
    const seconds = 'apiserver_request_duration_seconds_count';
    assert.equal(await growth(seconds, ofMaps('GET', 'resource', { dry_run: '' }), get), 1);
    assert.equal(await growth('apiserver_request_sli_duration_seconds_count', ofMaps('GET', 'resource'), get), 1);
    const { bytes } = await get();
    const sizes = 'apiserver_response_sizes';
    assert.equal(await growth(`${sizes}_sum`, ofMaps('GET', 'resource'), get), bytes.length);
    assert.equal(await grown('DELETE', 'resource', { code: '200' }, () => api.ask('DELETE', `${path}/counted`)), 1);
    assert.equal(await grown('DELETECOLLECTION', 'namespace', { code: '200' }, () => api.ask('DELETE', path)), 1);
  });

  test('what goes by HTTP/2 is counted alike', async () => {
    await space.configMap('by-two');
    const session = api.http2();
    const get = async () => {
      const stream = session.request({ ':path': `${space.path}/configmaps/by-two` });
      let size = 0;
      stream.on('data', (chunk: Buffer) => (size += chunk.length));
      await once(stream, 'close');
      return size;
    };
    const size = await get();
    assert.equal(await growth('apiserver_response_sizes_sum', ofMaps('GET', 'resource'), get), size);
    assert.equal(await growth('apiserver_request_total', ofMaps('GET', 'resource', { code: '200' }), get), 1);
    session.close();
  });

  test('lists are counted, and what they return', async () => {
    const list = () => api.ask('GET', `${space.path}/configmaps?limit=1`);
    const folder = { resource_prefix: '/configmaps' };
    assert.equal(await growth('apiserver_cache_list_total', folder, list), 1);
    assert.equal(await growth('apiserver_cache_list_returned_objects_total', folder, list), 1);
  });

  test('watches are counted while they are open, and what they tell', async () => {
    const open = ofMaps('WATCH', 'namespace');
    const before = valueIn(await read(), 'apiserver_longrunning_requests', open);
    const watch = await api.watch(`${space.path}/configmaps?watch=1`);
    const kind = { group: '', version: 'v1', kind: 'ConfigMap' };
    const told = await growth('apiserver_watch_events_total', kind, async () => {
      await space.configMap('watched');
      while ((await watch.next()).object.metadata.name !== 'watched');
    });
    // Other watchers of this process count too.
    assert.ok(told >= 1, `${told}`);
    assert.equal(valueIn(await read(), 'apiserver_longrunning_requests', open), before + 1);
    watch.close();
    const deadline = Date.now() + 10_000;
    while (valueIn(await read(), 'apiserver_longrunning_requests', open) !== before) {
      assert.ok(Date.now() < deadline, 'the watch is still counted');
    }
  });

  test('what a watch begins with is counted', async () => {
    await space.configMap('there-before');
    const all = (await api.ask('GET', `${space.path}/configmaps`)).body.items.length;
    const begun = await growth('apiserver_init_events_total', { resource: 'configmaps' }, async () => {
      const watch = await api.watch(`${space.path}/configmaps?watch=1`);
      for (let i = 0; i < all; i++) await watch.next();
      await space.configMap('there-after');
      assert.equal((await watch.next()).object.metadata.name, 'there-after');
      watch.close();
    });
    assert.equal(begun, all);
  });

  test('a watcher that does not read is cut off, and counted', async () => {
    const name = 'apiserver_terminated_watchers_total';
    const session = api.http2();
    const stream = session.request({ ':path': `${space.path}/secrets?watch=1` });
    stream.on('error', () => {});
    await once(stream, 'response');
    // The window of HTTP/2 is small, so nearly all of it waits at the server.
    stream.pause();
    const data = { a: Buffer.alloc(700_000).toString('base64') };
    const before = valueIn(await read(), name, { resource: 'secrets' });
    await api.ask('POST', `${space.path}/secrets`, { body: { metadata: { name: 'large' }, data } });
    const deadline = Date.now() + 30_000;
    for (let i = 0; valueIn(await read(), name, { resource: 'secrets' }) === before; i++) {
      assert.ok(Date.now() < deadline, 'it was not cut off');
      await space.patch(`${space.path}/secrets/large`, { metadata: { labels: { turn: String(i) } } });
    }
    session.close();
  }).timeout(40_000);

  test('what authorization says is counted', async () => {
    const may = (result: string, token?: string) =>
      growth('authorization_attempts_total', { result }, () =>
        api.ask('GET', `${space.path}/configmaps`, token === undefined ? {} : { token }),
      );
    assert.equal(await may('no-opinion', 'file-token'), 1);
    assert.equal(await may('no-opinion'), 0);
    // The request that reads them is one of them.
    assert.equal(await may('allowed'), 2);
  });

  test('who still asks for what is deprecated is told of', async () => {
    const name = 'apiserver_requested_deprecated_apis';
    const old = { group: '', version: 'v1', resource: 'componentstatuses', subresource: '', removed_release: '' };
    await api.ask('GET', '/api/v1/componentstatuses');
    const text = await read();
    assert.equal(valueIn(text, name, old), 1);
    assert.equal(valueIn(text, name), 1);
  });

  test('requests to what lies behind an object are connections', async () => {
    const absent = { ...ofMaps('CONNECT', 'resource', { code: '404' }), resource: 'pods' };
    for (const subresource of ['proxy', 'log']) {
      const ask = () => api.ask('GET', `${space.path}/pods/none/${subresource}`);
      assert.equal(await growth('apiserver_request_total', { ...absent, subresource }, ask), 1, subresource);
    }
  });

  test('a client that leaves in the midst of its body has made a bad request', async () => {
    const session = api.http2();
    const left = ofMaps('POST', 'resource', { code: '400' });
    const before = valueIn(await read(), 'apiserver_request_total', left);
    const stream = session.request({
      ':method': 'POST',
      ':path': `${space.path}/configmaps`,
      'content-type': 'application/json',
    });
    stream.on('error', () => {});
    await new Promise((resolve) => stream.write('{', resolve));
    stream.close(constants.NGHTTP2_CANCEL);
    const deadline = Date.now() + 5000;
    while (valueIn(await read(), 'apiserver_request_total', left) !== before + 1)
      assert.ok(Date.now() < deadline, 'it was not counted');
    session.close();
  });

  test('what nobody knows makes no series', async () => {
    await api.ask('GET', '/api/v1/namespaces/metrics/unheardof/x');
    await api.ask('GET', '/apis/unheardof.io/v1/unheardof');
    await api.ask('GET', '/unheardof');
    await api.ask('UNSUBSCRIBE', '/unheardof2');
    const total = await growth(
      'apiserver_request_total',
      { verb: 'GET', resource: '', subresource: '', code: '404' },
      () => api.ask('GET', '/unheardof'),
    );
    assert.equal(total, 1);
    const text = await read();
    assert.doesNotMatch(text, /unheardof/i);
    assert.doesNotMatch(text, /UNSUBSCRIBE/);
  });

  test('paths with an answer to themselves are counted by themselves', async () => {
    const ready = { verb: 'GET', resource: '', subresource: '/readyz', code: '200' };
    assert.equal(await growth('apiserver_request_total', ready, () => api.ask('GET', '/readyz')), 1);
  });

  test('etcd, admission, callers, objects and requests under way are told', async () => {
    const before = await read();
    await space.configMap('stored');
    const after = await read();
    const grown = (name: string, labels: Record<string, string> = {}) =>
      valueIn(after, name, labels) - valueIn(before, name, labels);
    assert.equal(grown('etcd_requests_total', { operation: 'create', type: 'configmaps' }), 1);
    assert.equal(grown('etcd_request_duration_seconds_count', { operation: 'create', type: 'configmaps' }), 1);
    assert.equal(grown('apiserver_storage_objects', { resource: 'configmaps' }), 1);
    const size = valueIn(after, 'apiserver_storage_size_bytes', { storage_cluster_id: 'etcd-0' });
    assert.equal(size % 4096, 0);
    assert.ok(size > 10_000 && size < 10e9, `${size}`);
    const admission = { name: 'NamespaceLifecycle', type: 'admit', operation: 'CREATE', rejected: 'false' };
    assert.ok(grown('apiserver_admission_controller_admission_duration_seconds_count', admission) >= 1);
    assert.ok(grown('authentication_attempts', { result: 'success' }) >= 2);
    assert.ok(grown('authenticated_user_requests', { username: 'admin' }) >= 2);
    assert.ok(grown('apiserver_client_certificate_expiration_seconds_count') >= 2);
    // The request that asks is under way itself.
    assert.ok(valueIn(after, 'apiserver_current_inflight_requests', { request_kind: 'readOnly' }) >= 1);
    assert.ok(valueIn(after, 'apiserver_current_inflight_requests', { request_kind: 'mutating' }) >= 1);
  });

  test('what components ask by gRPC is told apart', async () => {
    const client = connect(
      { address: `unix:${api.config.grpc.socket!}`, user: 'admin', groups: ['system:masters'] },
      env,
    );
    try {
      const asked = { verb: 'get', resource: 'configmaps', reason: '' };
      const absent = { ...asked, reason: 'NotFound' };
      await space.configMap('by-grpc');
      const get = (name: string) => client.get(configMap, { namespace: space.name, name });
      assert.equal(await growth('wherry_grpc_requests_total', asked, () => get('by-grpc')), 1);
      assert.equal(await growth('wherry_grpc_requests_total', absent, () => assert.rejects(get('none'))), 1);
    } finally {
      client.close();
    }
  });

  test('handshakes that fail are counted', async () => {
    const { hostname, port } = new URL(api.url);
    const name = 'apiserver_tls_handshake_errors_total';
    const before = valueIn(await read(), name);
    const socket = connectSocket(Number(port), hostname, () => socket.end('GET / HTTP/1.1\r\n\r\n'));
    socket.on('error', () => {});
    await once(socket.resume(), 'close');
    const deadline = Date.now() + 5000;
    while (valueIn(await read(), name) === before) assert.ok(Date.now() < deadline, 'it was not counted');
  });

  test('features that are on are told by upstream names', async () => {
    const text = await read();
    assert.equal(valueIn(text, 'kubernetes_feature_enabled', { name: 'WatchList', stage: 'BETA' }), 1);
    assert.equal(valueIn(text, 'kubernetes_feature_enabled', { name: 'JobPodFailurePolicy', stage: '' }), 1);
  });

  test('they are for those whom a role lets see them', async () => {
    assert.equal((await api.ask('GET', '/metrics', { token: '' })).code, 403);
    assert.equal((await api.ask('GET', '/metrics', { token: 'file-token' })).code, 403);
    const monitor = { 'impersonate-user': 'prometheus', 'impersonate-group': 'system:monitoring' };
    for (const path of ['/metrics', '/metrics/slis']) {
      assert.equal((await api.ask('GET', path, { headers: monitor })).code, 200);
    }
  });

  test('health checks have metrics of their own', async () => {
    await api.ask('GET', '/livez');
    const text = (await api.ask('GET', '/metrics/slis')).bytes.toString();
    assert.equal(valueIn(text, 'kubernetes_healthcheck', { name: 'etcd', type: 'livez' }), 1);
    assert.ok(valueIn(text, 'kubernetes_healthchecks_total', { name: 'ping', type: 'livez', status: 'success' }) >= 1);
  });
});
