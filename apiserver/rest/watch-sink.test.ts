import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket } from 'ws';
import { makeFakeEnv } from '#lib/env/fake.ts';
import type { Upgrade } from './exchange.ts';
import { negotiate } from './negotiate.ts';
import { webSocketSink } from './watch-sink.ts';
import type { WatchSink } from './watch-sink.ts';

suite('webSocketSink()', () => {
  let server: Server;
  let client: WebSocket;
  let sink: WatchSink;

  setup(async () => {
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const opening = once(server, 'upgrade').then(([request, socket, head]) =>
      webSocketSink({ request, socket, head } as Upgrade, negotiate(undefined), makeFakeEnv()),
    );
    client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await once(client, 'open');
    sink = await opening;
  });
  teardown(async () => {
    client.terminate();
    sink.destroy();
    server.close();
    await once(server, 'close');
  });

  const megabyte = Buffer.alloc(1024 * 1024, 'x');

  test('is full while the client does not read, and has room again when it does', async () => {
    let taken = 0;
    client.on('message', () => taken++);
    client.pause();
    let given = 1;
    while (sink.write([megabyte])) given++;
    const drained = new Promise<void>((resolve) => sink.onDrain(resolve));
    client.resume();
    await drained;
    sink.end();
    const [code] = await once(client, 'close');
    assert.deepEqual([code, taken], [1000, given]);
    assert.equal(sink.isOver(), true);
  });

  test('is over at once when it is destroyed, whatever is unread', async () => {
    client.pause();
    while (sink.write([megabyte]));
    const closed = new Promise<void>((resolve) => sink.onClose(resolve));
    sink.destroy();
    await closed;
    assert.equal(sink.isOver(), true);
  });

  test('tells that the client has left', async () => {
    const closed = new Promise<void>((resolve) => sink.onClose(resolve));
    client.terminate();
    await closed;
    assert.equal(sink.isOver(), true);
  });
});
