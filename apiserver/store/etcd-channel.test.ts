import assert from 'node:assert/strict';
import { createServer as createHttp2Server } from 'node:http2';
import type { Http2Server, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { freePort } from '../../test/harness/etcd.ts';
import { EtcdError, makeEtcdChannel } from './etcd-channel.ts';
import type { EtcdChannel } from './etcd-channel.ts';

suite('makeEtcdChannel()', () => {
  const env = makeFakeEnv();
  const servers: Http2Server[] = [];
  const sessions = new Set<ServerHttp2Session>();
  let channel: EtcdChannel | undefined;
  teardown(async () => {
    channel?.close();
    for (const session of sessions) session.destroy();
    await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
  });

  const serve = async (answer: (stream: ServerHttp2Stream) => void): Promise<string> => {
    const server = createHttp2Server();
    server.on('session', (session) => sessions.add(session));
    server.on('stream', (stream: ServerHttp2Stream) => {
      stream.on('error', () => {});
      answer(stream);
    });
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const echo = (stream: ServerHttp2Stream) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.concat(chunks));
    });
  };
  const refuse = (status: number, message: string) => (stream: ServerHttp2Stream) =>
    stream.respond({ ':status': 200, 'grpc-status': status, 'grpc-message': message }, { endStream: true });
  const faultOf = async (calling: Promise<unknown>): Promise<string> => {
    try {
      await calling;
    } catch (error) {
      assert.ok(error instanceof EtcdError);
      return `${error.code} ${error.sort}: ${error.message}`;
    }
    return assert.fail('It was answered');
  };

  test('carries messages of any size there and back, many at a time', async () => {
    channel = makeEtcdChannel([await serve(echo)], undefined, env);
    const sizes = [0, 1, 70_000, 3_000_000, ...Array.from({ length: 200 }, (_, i) => i)];
    const answers = await Promise.all(sizes.map((size) => channel!.call('/a/b', Buffer.alloc(size, size % 251))));
    for (const [i, size] of sizes.entries()) assert.ok(answers[i]!.equals(Buffer.alloc(size, size % 251)));
  });

  test('tells refusals from failures that leave open what happened', async () => {
    const cases: [status: number, message: string, wanted: string][] = [
      [11, 'etcdserver: mvcc: required revision has been compacted', '11 refused: '],
      [8, 'etcdserver: mvcc: database space exceeded', '8 refused: '],
      [14, 'etcdserver: request timed out%2C possibly', '14 unknown: '],
    ];
    for (const [status, message, wanted] of cases) {
      channel = makeEtcdChannel([await serve(refuse(status, message))], undefined, env);
      assert.equal(await faultOf(channel.call('/a/b', Buffer.alloc(0))), wanted + decodeURIComponent(message));
      channel.close();
    }
    channel = makeEtcdChannel([await serve((stream) => stream.session?.destroy())], undefined, env);
    assert.match(await faultOf(channel.call('/a/b', Buffer.alloc(0))), /^14 unknown: the connection broke/);
    channel.close();
    channel = makeEtcdChannel([await serve((stream) => stream.close(0x7))], undefined, env);
    assert.match(await faultOf(channel.call('/a/b', Buffer.alloc(0))), /^14 unsent: /);
  });

  test('an answer that is cut short is none', async () => {
    const short = (stream: ServerHttp2Stream) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.from([0, 0, 0, 0, 9, 1]));
    };
    channel = makeEtcdChannel([await serve(short)], undefined, env);
    assert.match(await faultOf(channel.call('/a/b', Buffer.alloc(0))), /^14 unknown: /);
  });

  test('turns to the next endpoint when one cannot be reached, or is silent', async () => {
    const arrived: ServerHttp2Stream[] = [];
    const silent = await serve((stream) => void arrived.push(stream));
    const endpoints = [`http://127.0.0.1:${await freePort()}`, silent, await serve(echo)];
    channel = makeEtcdChannel(endpoints, undefined, env);
    assert.match(await faultOf(channel.call('/a/b', Buffer.from('1'))), /^14 unsent: Cannot connect to etcd at http:/);
    const waiting = faultOf(channel.call('/a/b', Buffer.from('2')));
    while (arrived.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await env.advance(5000);
    assert.match(await waiting, /^4 unknown: no answer within 5000 ms/);
    assert.equal(String(await channel.call('/a/b', Buffer.from('3'))), '3');
  });

  test('makes a new connection after one has broken', async () => {
    channel = makeEtcdChannel([await serve(echo)], undefined, env);
    for (const text of ['1', '2', '3']) {
      assert.equal(String(await channel.call('/a/b', Buffer.from(text))), text);
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    channel.close();
    assert.match(await faultOf(channel.call('/a/b', Buffer.alloc(0))), /^14 unsent: the channel is closed/);
  });
});
