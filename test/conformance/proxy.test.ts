/** nodes, pods and services/proxy: what passes through the API server, both ways, and what must not. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { json, text } from 'node:stream/consumers';
import type { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { gunzipSync, gzipSync } from 'node:zlib';
import { WebSocket, WebSocketServer } from 'ws';
import { issue, makeAuthority } from '#lib/pki/certificates.ts';
import type { KeyPair } from '#lib/pki/certificates.ts';
import type { Answer, AskOptions, TestApi } from '../harness/api.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

/** Pods never have addresses of this machine alone, and the proxy leads to none. */
const outside = Object.values(networkInterfaces())
  .flat()
  .find((item) => item?.family === 'IPv4' && !item.internal)?.address;

suite('proxy', () => {
  let space: Space;
  let api: TestApi;
  let authority: KeyPair;
  let plain: Server;
  let secure: Server;
  let agent: Server;
  const taken: Buffer[] = [];
  const hanging: Duplex[] = [];

  suiteSetup(async () => {
    assert.ok(outside, 'this machine needs an address besides loopback');
    space = await makeSpace('proxying');
    ({ api } = space);
    const pem = (name: string) => readFileSync(join(api.folder, name), 'utf8');
    authority = { certPem: pem('ca.crt'), keyPem: pem('ca.key') };
    const now = Date.now();
    const stranger = await issue(await makeAuthority('other', now), { commonName: 'pod', usages: ['server'] }, now);
    const own = await issue(
      authority,
      { commonName: 'system:node:worker', dnsNames: ['worker'], usages: ['server'] },
      now,
    );
    plain = await listen(http.createServer(serve));
    secure = await listen(https.createServer({ cert: stranger.certPem, key: stranger.keyPem }, serve));
    const ofAgent = { cert: own.certPem, key: own.keyPem, ca: authority.certPem, requestCert: true };
    agent = await listen(https.createServer(ofAgent, serveAgent));
    for (const server of [plain, agent]) server.on('upgrade', upgrade);
    await makePod('web', outside, [portOf(plain)]);
    await makePod('local', '127.0.0.1', [portOf(plain)]);
    await makeNode('worker', portOf(agent));
    await makeNode('impostor', portOf(agent));
    await makeService('shop', [{ ip: outside, targetRef: { kind: 'Pod', name: 'web', namespace: space.name } }]);
    await makeService('anywhere', [{ ip: outside }]);
    await makeService('elsewhere', [{ ip: outside, targetRef: { kind: 'Pod', name: 'web', namespace: 'default' } }]);
    await makeService('moved', [{ ip: '192.0.2.77', targetRef: { kind: 'Pod', name: 'web', namespace: space.name } }]);
  });
  suiteTeardown(() => {
    for (const server of [plain, secure, agent]) {
      server?.closeAllConnections();
      server?.close();
    }
  });

  const listen = async <S extends Server>(server: S): Promise<S> => {
    server.listen(0, outside);
    await once(server, 'listening');
    return server;
  };
  const portOf = (server: Server) => (server.address() as AddressInfo).port;
  const must = async (method: string, path: string, body: object, headers: Record<string, string> = {}) => {
    const { code, body: said } = await api.ask(method, path, { body, headers });
    assert.ok(code < 300, JSON.stringify(said));
  };
  const setStatus = (path: string, status: object) =>
    must('PATCH', `${path}/status`, { status }, { 'content-type': 'application/merge-patch+json' });
  const makePod = async (name: string, podIP: string, ports: number[]) => {
    const container = { name: 'c', image: 'i', ports: ports.map((containerPort) => ({ containerPort })) };
    await must('POST', `${space.path}/pods`, { metadata: { name }, spec: { containers: [container] } });
    await setStatus(`${space.path}/pods/${name}`, { podIP, podIPs: [{ ip: podIP }] });
  };
  const makeNode = async (name: string, port: number) => {
    await must('POST', '/api/v1/nodes', { metadata: { name } });
    const addresses = [{ type: 'InternalIP', address: outside }];
    await setStatus(`/api/v1/nodes/${name}`, { addresses, daemonEndpoints: { kubeletEndpoint: { Port: port } } });
  };
  const makeService = async (name: string, addresses: object[]) => {
    const ports = [{ name: 'web', port: 80 }];
    await must('POST', `${space.path}/services`, { metadata: { name }, spec: { ports } });
    const subsets = [{ addresses, ports: [{ name: 'web', port: portOf(plain) }] }];
    await must('POST', `${space.path}/endpoints`, { metadata: { name }, subsets });
  };

  interface Echo {
    method: string;
    url: string;
    headers: Record<string, string>;
    body: string;
  }

  const page = '<a href="/x">x</a><a href="y">y</a><img src="http://elsewhere/z"><script>"<a href=/s>"</script>';

  /** What runs in the pod. */
  const serve: RequestListener = (request, response) => {
    const { pathname, host } = new URL(request.url!, `http://${request.headers.host}`);
    const at = `http://${outside}:${portOf(plain)}`;
    const moved: Record<string, string> = {
      '/to-self': `${at}/there?q=1`,
      '/to-root': '/there/',
      '/to-asked': `https://${host}/there`,
      '/to-elsewhere': 'https://elsewhere.example/there',
      '/to-metadata': 'http://169.254.169.254/latest',
      '/relative': 'there',
    };
    if (moved[pathname]) {
      response.writeHead(302, { location: moved[pathname] });
      response.end();
    } else if (pathname === '/page') {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-length': page.length });
      response.end(page);
    } else if (pathname === '/packed') {
      response.writeHead(200, { 'content-type': 'text/html', 'content-encoding': 'gzip' });
      response.end(gzipSync(page));
    } else if (pathname === '/odd') {
      response.writeHead(799);
      response.end('odd');
    } else if (pathname === '/plain') {
      response.writeHead(200, { 'content-type': 'text/plain' });
      response.end(page);
    } else if (pathname === '/slow') {
      response.writeHead(200, { 'content-type': 'text/plain' });
      response.write('first');
    } else if (pathname === '/hang') {
      hanging.push(request.socket);
    } else if (pathname === '/broken') {
      request.socket.destroy();
    } else if (pathname === '/fails') {
      response.writeHead(418, 'No Coffee', { 'x-why': 'teapot', connection: 'keep-alive, x-hop', 'x-hop': 'mine' });
      response.end('short and stout');
    } else {
      void text(request).then((body) => {
        response.writeHead(200, { 'content-type': 'application/json', 'set-cookie': ['a=1', 'b=2'] });
        response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body }));
      });
    }
  };

  const serveAgent: RequestListener = (request, response) => {
    const { CN } = (request.socket as TLSSocket).getPeerCertificate().subject;
    response.end(JSON.stringify({ asked: request.url, by: CN, trusted: (request.socket as TLSSocket).authorized }));
  };

  const webSockets = new WebSocketServer({ noServer: true });
  webSockets.on('connection', (socket) =>
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })),
  );

  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => {});
    if (request.url!.startsWith('/refuse')) {
      socket.on('data', (data: Buffer) => taken.push(data));
      socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nno');
      return;
    }
    if (request.headers.upgrade === 'echo/1') {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\n\r\nhello ');
      if (head.length > 0) socket.write(head);
      socket.pipe(socket);
      return;
    }
    taken.push(Buffer.from(JSON.stringify(request.headers)));
    webSockets.handleUpgrade(request, socket, head, (webSocket) => webSockets.emit('connection', webSocket, request));
  };

  const to = (rest: string) => `${space.path}/${rest}`;
  const ask = (rest: string, method = 'GET', options: AskOptions = {}): Promise<Answer> =>
    api.ask(method, rest.startsWith('/') ? rest : to(rest), options);
  const told = ({ code, body }: Answer) => [code, body.reason, body.message];

  test('every method, its path, query, headers and body pass, but not who asks', async () => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const headers = {
        authorization: 'Basic c2VjcmV0',
        'impersonate-user': 'admin',
        'impersonate-group': 'system:masters',
        'x-own': 'kept',
        'x-forwarded-for': '198.51.100.1',
        connection: 'close, x-hop',
        'x-hop': 'mine',
        te: 'trailers',
      };
      const answer = await ask('pods/web/proxy/a%20b/?c=d&e', method, { headers, body: 'told' });
      assert.equal(answer.code, 200);
      const { method: seen, url, headers: passed, body } = answer.body as Echo;
      assert.deepEqual([seen, url, body], [method, '/a%20b/?c=d&e', 'told']);
      for (const name of ['authorization', 'impersonate-user', 'impersonate-group', 'x-hop', 'te'])
        assert.equal(passed[name], undefined, name);
      assert.equal(passed['x-own'], 'kept');
      assert.equal(passed['host'], new URL(api.url).host);
      assert.match(passed['x-forwarded-for']!, /^198\.51\.100\.1, (::ffff:)?127\.0\.0\.1$/);
      assert.equal(passed['x-forwarded-uri'], `${space.path}/pods/web/proxy/a%20b/`);
      assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2']);
    }
  });

  test('a body of unknown length stays a body, whatever the method: nothing in it is another request', async () => {
    const hidden = 'POST /hidden HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n';
    const seen: string[] = [];
    const note = (request: IncomingMessage) => seen.push(`${request.method} ${request.url}`);
    plain.on('request', note);
    const hiding = { connection: 'content-length', 'content-length': String(hidden.length) };
    assert.equal(
      (await ask('pods/web/proxy/open', 'GET', { body: Buffer.from(hidden), headers: hiding })).body.body,
      hidden,
    );
    for (const method of ['GET', 'DELETE', 'OPTIONS', 'POST']) {
      const tls = { ca: authority.certPem, cert: adminPem('crt'), key: adminPem('key'), agent: false as const };
      const headers = { 'transfer-encoding': 'chunked' };
      const sending = https.request(`${api.url}${to('pods/web/proxy/open')}`, { ...tls, method, headers });
      sending.write(hidden);
      sending.end();
      const [answer] = (await once(sending, 'response')) as [IncomingMessage];
      assert.equal(((await json(answer)) as Echo).body, hidden, method);
      const session = api.http2();
      const stream = session.request({ ':method': method, ':path': to('pods/web/proxy/open') }, { endStream: false });
      stream.end(hidden);
      assert.equal((JSON.parse(await text(stream)) as Echo).body, hidden, `${method} by HTTP/2`);
      session.close();
    }
    plain.off('request', note);
    assert.deepEqual([...new Set(seen)], ['GET /open', 'DELETE /open', 'OPTIONS /open', 'POST /open']);
  });

  test('the answer passes as it is, whatever it is, but for what is of its connection', async () => {
    const answer = await ask('pods/web/proxy/fails');
    assert.deepEqual(
      [answer.code, answer.headers['x-why'], answer.bytes.toString()],
      [418, 'teapot', 'short and stout'],
    );
    assert.equal(answer.headers['x-hop'], undefined);
  });

  test('pods are found by name, scheme and port, Services by the name or number of a port', async () => {
    for (const path of [
      'pods/web/proxy/x',
      `pods/web:${portOf(plain)}/proxy/x`,
      `pods/http:web:${portOf(plain)}/proxy/x`,
      `pods/https:web:${portOf(secure)}/proxy/x`,
      'services/shop:web/proxy/x',
      'services/shop:80/proxy/x',
      'services/http:shop:web/proxy/x',
    ])
      assert.equal((await ask(path)).body.url, '/x', path);
  });

  test('a path without its slash is sent on to the one with it, when it is only looked at', async () => {
    const answer = await ask('services/shop:80/proxy?q=1');
    assert.deepEqual([answer.code, answer.headers.location], [301, to('services/shop:80/proxy/?q=1')]);
    assert.equal((await ask('services/shop:80/proxy', 'POST', { body: 'x' })).body.url, '/');
  });

  test('redirects are for the client to follow, through the proxy when they lead back', async () => {
    const cases: [path: string, location: string][] = [
      ['to-self', to('pods/web/proxy/there?q=1')],
      ['to-root', to('pods/web/proxy/there/')],
      ['to-asked', `https://${new URL(api.url).host}${to('pods/web/proxy/there')}`],
      ['to-elsewhere', 'https://elsewhere.example/there'],
      ['to-metadata', 'http://169.254.169.254/latest'],
      ['relative', 'there'],
    ];
    for (const [path, location] of cases) {
      const answer = await ask(`pods/web/proxy/${path}`);
      assert.deepEqual([answer.code, answer.headers.location], [302, location], path);
    }
  });

  test('links in pages lead through the proxy, packed or not; nothing else is touched', async () => {
    const prefix = to('pods/web/proxy');
    const rewritten = page.replace('href="/x"', `href="${prefix}/x"`);
    const whole = await ask('pods/web/proxy/page');
    assert.equal(whole.bytes.toString(), rewritten);
    assert.equal(whole.headers['content-length'], undefined);
    assert.equal(gunzipSync((await ask('pods/web/proxy/packed')).bytes).toString(), rewritten);
    assert.equal((await ask('pods/web/proxy/plain')).bytes.toString(), page);
    const head = await ask('pods/web/proxy/packed', 'HEAD');
    assert.deepEqual([head.code, head.headers['content-encoding'], head.bytes.length], [200, 'gzip', 0]);
  });

  test('the first bytes come before the last are there, and a client that leaves ends it all', async () => {
    const tls = { ca: authority.certPem, cert: adminPem('crt'), key: adminPem('key'), agent: false as const };
    const sending = https.request(`${api.url}${to('pods/web/proxy/slow')}`, tls).end();
    const [answer] = (await once(sending, 'response')) as [IncomingMessage];
    const [first] = (await once(answer, 'data')) as [Buffer];
    assert.equal(first.toString(), 'first');
    const connections = () =>
      new Promise<number>((resolve, reject) =>
        plain.getConnections((error, count) => (error ? reject(error) : resolve(count))),
      );
    const before = await connections();
    sending.destroy();
    for (const deadline = Date.now() + 10_000; (await connections()) >= before; await new Promise(setImmediate))
      assert.ok(Date.now() < deadline, 'the connection to the pod stays open');
  });

  test('a client that leaves before it is answered leaves nothing behind', async () => {
    const tls = { ca: authority.certPem, cert: adminPem('crt'), key: adminPem('key'), agent: false as const };
    const sending = https.request(`${api.url}${to('pods/web/proxy/hang')}`, { ...tls, method: 'POST' });
    sending.on('error', () => {});
    sending.end('all of it');
    for (const deadline = Date.now() + 10_000; hanging.length === 0; await new Promise(setImmediate))
      assert.ok(Date.now() < deadline, 'the request has not come');
    const [socket] = hanging;
    const closed = socket!.closed ? Promise.resolve() : once(socket!, 'close');
    sending.destroy();
    await closed;
  });

  test('HTTP/2 passes as well, as HTTP/1.1', async () => {
    const session = api.http2();
    const sending = session.request({ ':method': 'POST', ':path': to('pods/web/proxy/x?y'), 'x-own': 'kept' });
    sending.end('told');
    const [headers] = (await once(sending, 'response')) as [Record<string, unknown>];
    const answer = JSON.parse(await text(sending)) as Echo;
    assert.equal(headers[':status'], 200);
    assert.deepEqual(
      [answer.method, answer.url, answer.body, answer.headers['x-own']],
      ['POST', '/x?y', 'told', 'kept'],
    );
    assert.equal(answer.headers['host'], new URL(api.url).host);
    const page = session.request({ ':path': to('pods/web/proxy/fails') });
    const [failed] = (await once(page, 'response')) as [Record<string, unknown>];
    assert.deepEqual([failed[':status'], await text(page)], [418, 'short and stout']);
    // HTTP/2 knows no such status.
    const odd = session.request({ ':path': to('pods/web/proxy/odd') });
    const [refused] = (await once(odd, 'response')) as [Record<string, unknown>];
    odd.resume();
    assert.equal(refused[':status'], 503);
    assert.equal((await ask('pods/web/proxy/odd')).code, 799);
    session.close();
  });

  test('what cannot be reached, or must not be, is told as a Status', async () => {
    const shop = 'no endpoints available for service';
    const cases: [path: string, told: [code: number, reason: string, message: string | RegExp]][] = [
      ['pods/none/proxy/', [404, 'NotFound', 'pods "none" not found']],
      ['pods/ftp:web:1/proxy/', [400, 'BadRequest', 'invalid pod request "ftp:web:1"']],
      ['pods/local/proxy/', [400, 'BadRequest', 'address not allowed']],
      ['services/none:web/proxy/', [404, 'NotFound', 'services "none" not found']],
      ['services/shop:81/proxy/', [503, 'ServiceUnavailable', 'no service port 81 found for service "shop"']],
      ['services/shop:other/proxy/', [503, 'ServiceUnavailable', `${shop} "shop"`]],
      // Endpoints that lead to no pod of the namespace, or say that they are a pod's and are not.
      ['services/anywhere:web/proxy/', [503, 'ServiceUnavailable', `${shop} "anywhere"`]],
      ['services/elsewhere:web/proxy/', [503, 'ServiceUnavailable', `${shop} "elsewhere"`]],
      ['services/moved:web/proxy/', [503, 'ServiceUnavailable', `${shop} "moved"`]],
      [
        'pods/web:1/proxy/',
        [
          503,
          'ServiceUnavailable',
          `error trying to reach service: dial tcp ${outside}:1: connect: connection refused`,
        ],
      ],
      ['pods/web/proxy/broken', [503, 'ServiceUnavailable', /^error trying to reach service: /]],
      ['/api/v1/nodes/none/proxy/', [404, 'NotFound', 'nodes "none" not found']],
      // Another node answers at the address: its certificate is not the one asked for.
      ['/api/v1/nodes/impostor/proxy/healthz', [503, 'ServiceUnavailable', /^error trying to reach service: .*worker/]],
    ];
    for (const [path, [code, reason, message]] of cases) {
      const [isCode, isReason, isMessage] = told(await ask(path));
      assert.deepEqual([isCode, isReason], [code, reason], path);
      if (typeof message === 'string') assert.equal(isMessage, message, path);
      else assert.match(String(isMessage), message, path);
    }
  });

  test('a node’s agent is asked in the API server’s name, and other ports of the node as they are', async () => {
    const known = { asked: '/stats/summary?x', by: 'kube-apiserver', trusted: true };
    for (const name of ['worker', `worker:${portOf(agent)}`, `http:worker:${portOf(agent)}`]) {
      const { bytes } = await ask(`/api/v1/nodes/${name}/proxy/stats/summary?x`);
      assert.deepEqual(JSON.parse(bytes.toString()), known, name);
    }
    const other = await ask(`/api/v1/nodes/http:worker:${portOf(plain)}/proxy/x`);
    assert.equal(other.body.url, '/x');
  });

  test('each method takes the right to it, on the name as the path has it', async () => {
    const as = { 'impersonate-user': 'visitor' };
    for (const [path, method, verb, kind, name] of [
      ['pods/web:80/proxy/x', 'GET', 'get', 'pods', 'web:80'],
      ['services/shop:web/proxy/x', 'POST', 'create', 'services', 'shop:web'],
      ['services/shop:web/proxy/x', 'DELETE', 'delete', 'services', 'shop:web'],
      ['/api/v1/nodes/worker/proxy/x', 'PUT', 'update', 'nodes', 'worker'],
    ] as const) {
      const { code, body } = await ask(path, method, { headers: as });
      const where = kind === 'nodes' ? 'at the cluster scope' : `in the namespace "${space.name}"`;
      assert.deepEqual(
        [code, body.message],
        [
          403,
          `${kind} "${name}" is forbidden: User "visitor" cannot ${verb} resource "${kind}/proxy" in API group "" ${where}`,
        ],
      );
    }
  });

  const adminPem = (part: 'crt' | 'key') => readFileSync(join(api.folder, `admin.${part}`), 'utf8');

  suite('upgrades', () => {
    const webSocket = (path: string, protocols: string[] = [], headers: Record<string, string> = {}) => {
      const url = api.url.replace('https:', 'wss:') + (path.startsWith('/') ? path : to(path));
      return new WebSocket(url, protocols, {
        ca: authority.certPem,
        cert: adminPem('crt'),
        key: adminPem('key'),
        headers,
      });
    };

    for (const [what, path] of [
      ['pods', 'pods/web/proxy/ws?x=1'],
      ['services', 'services/shop:web/proxy/ws'],
      ['nodes', '/api/v1/nodes/worker/proxy/ws'],
    ] as const)
      test(`WebSockets pass through ${what}`, async () => {
        const socket = webSocket(path);
        await once(socket, 'open');
        const big = Buffer.alloc(3_000_000, 7);
        socket.send('hello');
        assert.equal(String((await once(socket, 'message'))[0]), 'hello');
        socket.send(big);
        const [data] = (await once(socket, 'message')) as [Buffer];
        assert.ok(data.equals(big));
        socket.close(1000);
        assert.equal((await once(socket, 'close'))[0], 1000);
      });

    test('who asks does not pass, by headers or among the sub-protocols', async () => {
      taken.length = 0;
      const secret = 'base64url.bearer.authorization.k8s.io.ZmlsZS10b2tlbg';
      const socket = webSocket('pods/web/proxy/ws', ['chat', secret], {
        'impersonate-user': 'admin',
        'impersonate-group': 'system:masters',
      });
      await once(socket, 'open');
      assert.equal(socket.protocol, 'chat');
      socket.terminate();
      const seen = JSON.parse(String(taken[0])) as Record<string, string>;
      assert.equal(seen['sec-websocket-protocol'], 'chat');
      assert.equal(seen['impersonate-user'], undefined);
    });

    const open = async (path: string, protocol: string, more = '') => {
      const { host, hostname, port } = new URL(api.url);
      const socket = connect({
        host: hostname,
        port: Number(port),
        ca: authority.certPem,
        cert: adminPem('crt'),
        key: adminPem('key'),
      });
      await once(socket, 'secureConnect');
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n${more}`,
      );
      return socket;
    };
    const readUntil = async (socket: Duplex, wanted: RegExp) => {
      let seen = '';
      for await (const chunk of socket) {
        seen += String(chunk);
        if (wanted.test(seen)) break;
      }
      return seen;
    };

    test('any protocol passes, with what either side says right away', async () => {
      const socket = await open(to('pods/web/proxy/raw'), 'echo/1', 'early ');
      const seen = await readUntil(socket, /early/);
      assert.match(seen, /^HTTP\/1\.1 101 Switching Protocols\r\n[^]*Upgrade: echo\/1\r\n\r\nhello early $/i);
      socket.destroy();
    });

    test('a refusal is passed on and ends the connection: nothing that follows reaches the pod', async () => {
      taken.length = 0;
      const next = 'GET /secret HTTP/1.1\r\nHost: x\r\n\r\n';
      const socket = await open(to('pods/web/proxy/refuse'), 'echo/1', next);
      socket.on('error', () => {});
      const seen = await readUntil(socket, /never/);
      assert.match(seen, /^HTTP\/1\.1 403 Forbidden\r\nContent-Length: 2\r\nconnection: close\r\n\r\nno$/i);
      assert.equal(Buffer.concat(taken).toString(), '');
    });

    test('a pod that cannot be reached is told as a Status', async () => {
      const socket = await open(to('pods/web:1/proxy/raw'), 'echo/1');
      const seen = await text(socket);
      assert.match(seen, /^HTTP\/1\.1 500 /);
      const status = JSON.parse(seen.slice(seen.indexOf('\r\n\r\n'))) as { message: string; reason?: string };
      assert.equal(status.reason, undefined);
      assert.equal(status.message, `error dialing backend: dial tcp ${outside}:1: connect: connection refused`);
    });

    test('who may not, gets no connection', async () => {
      const socket = webSocket('pods/web/proxy/ws', [], { 'impersonate-user': 'visitor' });
      const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
      assert.equal(answer.statusCode, 403);
      const { message } = (await json(answer)) as { message: string };
      assert.match(message, /User "visitor" cannot get resource "pods\/proxy"/);
    });
  });
});
