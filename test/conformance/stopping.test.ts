import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect, constants } from 'node:http2';
import { Agent, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type { Env } from '#lib/env/env.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import { start } from '../../apiserver/start.ts';
import type { ApiServer } from '../../apiserver/start.ts';
import { configBeside } from '../harness/api.ts';
import type { TestApi } from '../harness/api.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

/** An address that a pod may have: a proxy refuses loopback. */
const outside = Object.values(networkInterfaces())
  .flat()
  .find((item) => item?.family === 'IPv4' && !item.internal)?.address;

suite('stopping', () => {
  let space: Space;
  let api: TestApi;
  /** The server that is stopped, beside the shared one. */
  let server: ApiServer | undefined;
  let url: string;

  suiteSetup(async () => {
    space = await makeSpace('stopping');
    ({ api } = space);
    await space.configMap('there', { data: { text: 'x'.repeat(10_000) } });
  });

  /** How long the server waits, where it waits for long, is up to the test: nothing here happens because time is up. */
  let patience: PromiseWithResolvers<void>;
  const long = 1000;

  const begin = async (shutdownDelayMs = 0) => {
    const config = { ...configBeside(api, 'stopping', '10.99.0.3'), shutdownDelayMs };
    patience = Promise.withResolvers();
    const env = makeRealEnv({ service: 'stopping' });
    const sleep: Env['sleep'] = (ms, signal) => (ms < long ? env.sleep(ms, signal) : patience.promise);
    server = await start(config, { ...env, sleep });
    url = `https://127.0.0.1:${server.address.port}`;
  };

  teardown(async () => {
    patience.resolve();
    await server?.stop();
  });

  const stop = async () => {
    const stopping = server!;
    server = undefined;
    await stopping.stop();
  };
  const tls = () => ({
    ca: readFileSync(join(api.folder, 'ca.crt')),
    cert: readFileSync(join(api.folder, 'admin.crt')),
    key: readFileSync(join(api.folder, 'admin.key')),
  });
  const maps = () => `${space.path}/configmaps`;
  const wholeOf = async (response: IncomingMessage) => {
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    assert.ok(response.complete, 'the answer was cut');
    return Buffer.concat(chunks).toString();
  };

  test('/readyz says no first, while everything is still served', async () => {
    await begin(long);
    const stopped = stop();
    const deadline = Date.now() + 5000;
    let ready = await api.ask('GET', '/readyz', { url });
    while (ready.code === 200 && Date.now() < deadline) ready = await api.ask('GET', '/readyz', { url });
    assert.equal(ready.code, 500);
    assert.match(
      ready.bytes.toString(),
      /^\[\+\]ping ok\n\[\+\]etcd ok\n\[\+\]informer-sync ok\n\[-\]shutdown failed: reason withheld\nreadyz check failed\n$/,
    );
    const alone = await api.ask('GET', '/readyz/shutdown', { url });
    assert.equal(alone.bytes.toString(), 'internal server error: process is shutting down\n');
    assert.equal((await api.ask('GET', '/livez', { url })).code, 200);
    assert.equal((await api.ask('GET', `${maps()}/there`, { url })).code, 200);
    patience.resolve();
    await stopped;
    await assert.rejects(api.ask('GET', '/readyz', { url }));
  });

  test('no answer is cut over HTTP/1.1 or HTTP/2, and then nobody is let in', async () => {
    await begin();
    const path = `${maps()}/there`;
    const answered = { 1: 0, 2: 0 };
    const overOne = async () => {
      const agent = new Agent({ ...tls(), keepAlive: true, maxSockets: 1 });
      for (;;) {
        const sending = request(url + path, { agent });
        let isConnected = false;
        sending.once('socket', (socket) => {
          isConnected = sending.reusedSocket;
          if (!isConnected) socket.once('secureConnect', () => (isConnected = true));
        });
        sending.end();
        try {
          const [response] = (await once(sending, 'response')) as [IncomingMessage];
          assert.match(await wholeOf(response), /"there"/);
          answered[1]++;
        } catch (error) {
          agent.destroy();
          // A connection that was not made is no answer that was cut.
          assert.ok(!isConnected, String(error));
          return;
        }
      }
    };
    const overTwo = async () => {
      const session = connect(url, tls());
      session.on('error', () => {});
      await once(session, 'connect');
      // GOAWAY closes a session to new streams.
      while (!session.closed) {
        const stream = session.request({ ':path': path });
        let text = '';
        stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
        try {
          await once(stream, 'end');
        } catch (error) {
          // A stream that the server promises not to have looked at may be asked for elsewhere.
          const { code } = error as NodeJS.ErrnoException;
          const isRefused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
          assert.ok(isRefused || /GOAWAY|INVALID_SESSION/.test(code ?? ''), String(error));
          return;
        }
        assert.match(text, /"there".*\}\n?$/s);
        answered[2]++;
      }
    };
    const traffic = Promise.all([...Array.from({ length: 6 }, overOne), ...Array.from({ length: 3 }, overTwo)]);
    const deadline = Date.now() + 10_000;
    while (answered[1] < 50 || answered[2] < 50) {
      assert.ok(Date.now() < deadline, 'no traffic');
      await pause(10);
    }
    await Promise.all([stop(), traffic]);
  });

  test('a body that is arriving is waited for', async () => {
    await begin();
    const body = JSON.stringify({ metadata: { name: 'late' } });
    const sending = request(`${url}${maps()}`, {
      ...tls(),
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': body.length },
    });
    sending.write(body.slice(0, 10));
    await once(sending, 'socket').then(([socket]) => once(socket as NodeJS.EventEmitter, 'secureConnect'));
    const stopped = stop();
    // By now new connections are refused: those that are there are all that the server waits for.
    const refused = async () =>
      api.ask('GET', '/livez', { url, headers: { connection: 'close' } }).then(
        () => false,
        () => true,
      );
    const deadline = Date.now() + 5000;
    while (!(await refused())) assert.ok(Date.now() < deadline, 'the server still listens');
    sending.end(body.slice(10));
    const [response] = (await once(sending, 'response')) as [IncomingMessage];
    assert.equal(response.statusCode, 201);
    assert.equal(response.headers.connection, 'close');
    await wholeOf(response);
    await stopped;
  });

  test('connections that speak another protocol are closed', async () => {
    await begin();
    const echo = createServer().on('upgrade', (_request, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello');
      socket.on('error', () => {}).pipe(socket);
    });
    echo.listen(0, outside);
    await once(echo, 'listening');
    const { port } = echo.address() as AddressInfo;
    const pod = `${space.path}/pods/echo`;
    const spec = { containers: [{ name: 'c', image: 'i', ports: [{ containerPort: port }] }] };
    assert.equal(
      (await api.ask('POST', `${space.path}/pods`, { body: { metadata: { name: 'echo' }, spec } })).code,
      201,
    );
    await space.patch(`${pod}/status`, { status: { podIP: outside, podIPs: [{ ip: outside }] } });
    const headers = { connection: 'Upgrade', upgrade: 'echo' };
    const sending = request(`${url}${pod}/proxy/`, { ...tls(), headers });
    sending.end();
    const [, socket] = (await once(sending, 'upgrade')) as [IncomingMessage, Duplex];
    const closed = once(socket.on('error', () => {}).resume(), 'close');
    await stop();
    await closed;
    echo.closeAllConnections();
    echo.close();
    await api.ask('DELETE', pod);
  });

  test('watches end as if their time were up', async () => {
    await begin();
    const sending = request(`${url}${maps()}?watch=1`, tls());
    sending.end();
    const [response] = (await once(sending, 'response')) as [IncomingMessage];
    const text = wholeOf(response);
    const session = connect(url, tls());
    const stream = session.request({ ':path': `${maps()}?watch=1` });
    const codes: number[] = [];
    stream.on('close', () => codes.push(stream.rstCode ?? -1));
    stream.resume();
    await once(stream, 'response');
    const ended = Promise.all([once(stream, 'end'), once(session, 'close')]);
    await stop();
    assert.match(await text, /^\{"type":"ADDED".*\}\n$/s);
    await ended;
    assert.deepEqual(codes, [0]);
  });
});
