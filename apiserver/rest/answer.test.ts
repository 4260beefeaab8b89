import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect, constants, createServer as createHttp2Server } from 'node:http2';
import type { Http2Server } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { sendParts } from './answer.ts';
import type { Response } from './answer.ts';

suite('sendParts()', () => {
  const many = Array.from({ length: 3000 }, (_, i) => Buffer.alloc((i * 37) % 700, i % 251));
  const few = [Buffer.from('a'), Buffer.alloc(0), Buffer.from('b')];
  const huge = [Buffer.from('<'), Buffer.alloc(5_000_000, 'x'), Buffer.from('>')];
  const bodies = [[], few, many, huge];

  let server: Server | Http2Server;
  let sent: Promise<void>[];
  const listen = async (made: Server | Http2Server): Promise<string> => {
    server = made;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const answer = (path: string, response: Response) =>
    void sent.push(sendParts(response, 200, 'text/plain', bodies[Number(path.slice(1))]!));
  setup(() => {
    sent = [];
  });
  teardown(() => new Promise((resolve) => server.close(resolve)));

  test('gives the parts as one body with its length', async () => {
    const url = await listen(createServer((request, response) => answer(request.url!, response)));
    for (const [i, parts] of bodies.entries()) {
      const [response] = (await once(get(`${url}/${i}`, { agent: false }), 'response')) as [IncomingMessage];
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      assert.ok(Buffer.concat(chunks).equals(Buffer.concat(parts)));
      assert.equal(response.headers['content-length'], String(Buffer.concat(parts).length));
    }
    await Promise.all(sent);
  });

  test('does the same over HTTP/2', async () => {
    const url = await listen(
      createHttp2Server((request, response) => answer(request.url, response as unknown as Response)),
    );
    const session = connect(url);
    for (const [i, parts] of bodies.entries()) {
      const stream = session.request({ ':path': `/${i}` });
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      assert.ok(Buffer.concat(chunks).equals(Buffer.concat(parts)));
    }
    session.close();
    await Promise.all(sent);
  });

  test('ends when the client goes away in the middle', async () => {
    const url = await listen(createServer((request, response) => answer(request.url!, response)));
    const request = get(`${url}/3`, { agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    await once(response, 'readable');
    assert.equal(sent.length, 1);
    request.on('error', () => {});
    request.destroy();
    await sent[0];
  });

  test('ends when a stream of HTTP/2 is cut in the middle', async () => {
    const url = await listen(
      createHttp2Server((request, response) => answer(request.url, response as unknown as Response)),
    );
    const session = connect(url);
    const stream = session.request({ ':path': '/3' });
    await once(stream, 'response');
    assert.equal(sent.length, 1);
    stream.on('error', () => {});
    stream.close(constants.NGHTTP2_CANCEL);
    await sent[0];
    session.destroy();
  });
});
