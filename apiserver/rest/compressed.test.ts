import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { isCompressed, sendCompressed } from './compressed.ts';

suite('sendCompressed()', () => {
  const chunks = Array.from({ length: 200 }, (_, i) => Buffer.alloc(10_000, `${i} `));
  let server: Server;
  let sent: Promise<void> | undefined;
  const ask = async (serve: (response: never) => void, headers = {}): Promise<IncomingMessage> => {
    server = createServer((_request, response) => serve(response as never)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const [response] = (await once(get({ port, agent: false, headers }), 'response')) as [IncomingMessage];
    return response;
  };
  teardown(() => new Promise((resolve) => server.close(resolve)));

  test('sends what the client unpacks to the same', async () => {
    const response = await ask((answer) => (sent = sendCompressed(answer, 200, { 'content-type': 'x/y' }, chunks)));
    const read: Buffer[] = [];
    for await (const chunk of response) read.push(chunk as Buffer);
    assert.ok(gunzipSync(Buffer.concat(read)).equals(Buffer.concat(chunks)));
    assert.deepEqual([response.headers['content-encoding'], response.headers.vary], ['gzip', 'Accept-Encoding']);
    await sent;
  });

  test('is over when the client goes away in the middle', async () => {
    const endless = function* () {
      for (;;) yield Buffer.from(String(performance.now()).repeat(1000));
    };
    const response = await ask((answer) => (sent = sendCompressed(answer, 200, {}, endless())));
    response.destroy();
    await Promise.race([sent, sleep(5000, undefined, { ref: false }).then(() => assert.fail('It goes on for nobody'))]);
  });

  test('does not fail the process where there was an answer already', async () => {
    await ask((answer: { writeHead(code: number): void; flushHeaders(): void }) => {
      answer.writeHead(504);
      answer.flushHeaders();
      sent = sendCompressed(answer as never, 200, {}, chunks);
    });
    await sent;
  });

  test('isCompressed() is for large bodies and clients that take gzip', () => {
    const accepts = (value?: string) => ({ req: { headers: { 'accept-encoding': value } } }) as never;
    assert.equal(isCompressed(accepts('gzip'), 128 * 1024), false);
    assert.equal(isCompressed(accepts('gzip'), 128 * 1024 + 1), true);
    assert.equal(isCompressed(accepts('deflate, gzip'), 1e6), true);
    for (const value of [undefined, '', 'br', 'gzip;q=0', 'x-gzip'])
      assert.equal(isCompressed(accepts(value), 1e6), false);
  });
});
