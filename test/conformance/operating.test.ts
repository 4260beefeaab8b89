import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AskOptions, TestApi } from '../harness/api.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

suite('operating the server', () => {
  let space: Space;
  let api: TestApi;

  suiteSetup(async () => {
    space = await makeSpace('operating');
    ({ api } = space);
  });

  const text = async (method: string, path: string, options: AskOptions = {}) => {
    const { code, bytes } = await api.ask(method, path, options);
    return [code, bytes.toString()];
  };
  const maps = (rest = '') => `${space.path}/configmaps${rest}`;

  suite('health', () => {
    test('is told in a word, or check by check', async () => {
      for (const path of ['/healthz', '/livez', '/readyz', '/livez/ping', '/livez/etcd', '/readyz/informer-sync']) {
        const { code, headers, bytes } = await api.ask('GET', path);
        assert.deepEqual([code, bytes.toString()], [200, 'ok'], path);
        assert.equal(headers['content-type'], 'text/plain; charset=utf-8');
        assert.equal(headers['x-content-type-options'], 'nosniff');
      }
      const checks = ['ping', 'etcd', 'informer-sync', 'shutdown'].map((name) => `[+]${name} ok\n`).join('');
      assert.deepEqual(await text('GET', '/readyz?verbose'), [200, `${checks}readyz check passed\n`]);
      assert.deepEqual(await text('GET', '/readyz?verbose=false'), [200, `${checks}readyz check passed\n`]);
    });

    test('may leave checks out, and warns of those that there are not', async () => {
      assert.deepEqual(await text('GET', '/livez?verbose&exclude=etcd&exclude=what&exclude=ever'), [
        200,
        '[+]ping ok\n[+]etcd excluded: ok\nwarn: some health checks cannot be excluded: no matches for "ever", "what"\nlivez check passed\n',
      ]);
    });

    test('is asked by any method, at these paths alone', async () => {
      assert.equal((await api.ask('HEAD', '/healthz')).code, 200);
      assert.deepEqual(await text('POST', '/healthz'), [200, 'ok']);
      for (const path of ['/healthz/', '/healthz/none', '/healthz/etcd/', '/livez/shutdown'])
        assert.deepEqual(await text('GET', path), [404, '404 page not found\n'], path);
    });
  });

  suite('paths', () => {
    test('the root tells which there are', async () => {
      const { code, headers, body, bytes } = await api.ask('GET', '/');
      assert.deepEqual([code, headers['content-type']], [200, 'application/json']);
      const { paths } = body as { paths: string[] };
      assert.deepEqual(paths, paths.toSorted());
      for (const path of ['/api', '/api/v1', '/apis', '/apis/', '/apis/apps', '/apis/apps/v1', '/metrics', '/version'])
        assert.ok(paths.includes(path), path);
      for (const path of ['/.well-known/openid-configuration', '/readyz/shutdown', '/openapi/v2', '/openapi/v3/'])
        assert.ok(paths.includes(path), path);
      for (const path of ['/', '/version/', '/openid/v1/jwks/', '/openapi/v3/api/v1'])
        assert.ok(!paths.includes(path), path);
      assert.ok(bytes.toString().startsWith('{\n  "paths": [\n    "/'));
      assert.deepEqual((await api.ask('GET', '/index.html')).bytes, bytes);
      assert.equal((await api.ask('HEAD', '/')).code, 200);
      const open = paths.filter((path) => path !== '/openapi/v3/');
      const codes = await Promise.all(open.map(async (path) => (await api.ask('GET', path)).code));
      assert.deepEqual(new Set(codes), new Set([200]));
    });

    test('a slash at the end matters to some', async () => {
      for (const path of ['/api/', '/apis/', '/api/v1/', '/apis/apps/', '/apis/apps/v1/', '/version/', `${maps()}/`])
        assert.equal((await api.ask('GET', path)).code, 200, path);
      assert.equal((await api.ask('GET', '/openid/v1/jwks/')).code, 200);
      for (const path of ['/openapi/v2/', '/metrics/'])
        assert.deepEqual(await text('GET', path), [404, '404 page not found\n'], path);
    });

    test('what has no resource is a Status under an API that is served, and plain text elsewhere', async () => {
      const known = ['/api/v2', '/api/v1/none', '/apis/apps/v2', '/apis/apps/v2/x', '/apis/apps/v1/none', '/version/x'];
      for (const path of known) {
        const { code, body } = await api.ask('GET', path);
        const { reason, message, details } = body;
        const sentence = 'the server could not find the requested resource';
        assert.deepEqual([code, reason, message, details], [404, 'NotFound', sentence, {}], path);
      }
      for (const path of ['/none', '/apis/none', '/apis/none/v1', '/apis/none/v1/x', '//api/v1/pods', '/apix'])
        assert.deepEqual(await text('GET', path), [404, '404 page not found\n'], path);
    });

    test('HEAD and other methods are not for resources and discovery', async () => {
      for (const path of [maps(), '/api', '/api/v1', '/apis/apps', '/version'])
        assert.equal((await api.ask('HEAD', path)).code, 405, path);
      const { code, body } = await api.ask('OPTIONS', maps());
      const sentence = 'the server does not allow this method on the requested resource';
      assert.deepEqual([code, body.reason, body.message], [405, 'MethodNotAllowed', sentence]);
      assert.equal((await api.ask('POST', '/api/v1')).code, 405);
    });

    test('the wish for another protocol is ignored where none is spoken', async () => {
      const headers = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
      assert.equal((await api.ask('GET', '/livez', { headers })).code, 200);
      assert.equal((await api.ask('GET', maps(), { headers })).code, 200);
      // Watches speak WebSocket, and nothing else.
      const watch = await api.watch(maps('?watch=1'), { ...headers, upgrade: 'h2c' });
      assert.equal(watch.code, 200);
      watch.close();
    });

    test('a path that cannot be read is refused as such', async () => {
      assert.deepEqual(await text('GET', '/api/v1/namespaces/%zz'), [400, '400 Bad Request']);
    });

    test('who may not, learns neither what there is nor what there is not', async () => {
      for (const path of ['/none', '/', '/apis/none/v1/x', maps('/none')])
        assert.equal((await api.ask('GET', path, { token: '' })).code, 403, path);
      // The body is not read of who may not write.
      const refused = await api.ask('POST', maps(), { token: 'file-token', body: '{' });
      assert.deepEqual([refused.code, refused.body.reason], [403, 'Forbidden']);
    });
  });

  suite('limits', () => {
    const agent = () =>
      new Agent({
        ca: readFileSync(join(api.folder, 'ca.crt')),
        cert: readFileSync(join(api.folder, 'admin.crt')),
        key: readFileSync(join(api.folder, 'admin.key')),
      });

    test('a request has the time that it asks for', async () => {
      for (const timeout of ['5s', '0', '0s', '1h', '-1s'])
        assert.equal((await api.ask('GET', maps(`?timeout=${timeout}`))).code, 200, timeout);
      const { code, body } = await api.ask('GET', maps('?timeout=5'));
      const sentence = 'invalid timeout specified in the request URL - time: missing unit in duration "5"';
      assert.deepEqual([code, body.reason, body.message], [400, 'BadRequest', sentence]);
      const watch = await api.watch(maps('?watch=1&timeout=1ms&sendInitialEvents=false&resourceVersion=1'));
      watch.close();
    });

    test('a body that does not arrive in that time is given up, and its connection', async () => {
      const sending = request(`${api.url}${maps('?timeout=300ms')}`, {
        agent: agent(),
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-length': 1000 },
      });
      sending.write('{');
      const [response] = (await once(sending, 'response')) as [IncomingMessage];
      assert.equal(response.statusCode, 504);
      assert.equal(response.headers.connection, 'close');
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      const { reason, message, details } = JSON.parse(Buffer.concat(chunks).toString());
      const sentence = 'Timeout: request did not complete within the allotted timeout';
      assert.deepEqual([reason, message, details], ['Timeout', sentence, {}]);
      sending.on('error', () => {});
      sending.destroy();
    });

    test('a body over HTTP/2 that does not arrive in that time is given up, and its connection serves on', async () => {
      const session = api.http2();
      const headers = { ':method': 'POST', 'content-type': 'application/json' };
      const slow = session.request({ ...headers, ':path': maps('?timeout=300ms') });
      slow.write('{');
      const [answer] = (await once(slow, 'response')) as [{ ':status': number }];
      assert.equal(answer[':status'], 504);
      slow.resume();
      await once(slow, 'close');
      const next = session.request({ ':path': '/livez' });
      const [good] = (await once(next, 'response')) as [{ ':status': number }];
      assert.equal(good[':status'], 200);
      next.close();
      session.close();
    });

    test('a body may have 3 MiB', async () => {
      const headers = { 'content-type': 'application/json' };
      const of = (bytes: number) => Buffer.from('{"metadata":{"name":"BIG"}}'.padEnd(bytes, ' '));
      const most = 3 * 1024 * 1024;
      assert.equal((await api.ask('POST', maps(), { headers, body: of(most) })).code, 422);
      for (const body of [of(most + 1), of(most * 2)]) {
        const large = await api.ask('POST', maps(), { headers, body });
        const sentence = 'Request entity too large: limit is 3145728';
        assert.deepEqual([large.code, large.body.reason, large.body.message], [413, 'RequestEntityTooLarge', sentence]);
      }
    });
  });
});
