import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { makeRealEnv } from '#lib/env/real.ts';
import { isReason } from '#lib/meta/errors.ts';
import { clusterService } from '#protos/gen/cluster.ts';
import type { GetRequest, ObjectReply } from '#protos/gen/cluster.ts';
import { makeTransport } from './transport.ts';

const request: GetRequest = { target: { group: '', version: 'v1', plural: 'pods', namespace: '' }, name: 'a' };

suite('makeTransport()', function () {
  this.timeout(30_000);
  const env = makeRealEnv({ service: 'test', level: 'error' });
  let folder: string;
  setup(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'wherry-transport-'));
  });
  teardown(() => rmSync(folder, { recursive: true, force: true }));

  async function serve(
    answer: (reply: sendUnaryData<ObjectReply>) => void,
  ): Promise<{ socket: string; server: Server }> {
    const socket = path.join(folder, 'real.sock');
    const server = new Server();
    const get = (_call: ServerUnaryCall<GetRequest, ObjectReply>, reply: sendUnaryData<ObjectReply>) => answer(reply);
    server.addService({ get: clusterService.get }, { get });
    await new Promise<void>((resolve, reject) =>
      server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) =>
        error ? reject(error) : resolve(),
      ),
    );
    return { socket, server };
  }

  /** Between a client and the server; the first `mute` connections are taken and never answered. */
  async function relay(to: string, mute: number): Promise<{ socket: string; close(): void }> {
    const socket = path.join(folder, 'relay.sock');
    const sockets = new Set<net.Socket>();
    const front = net.createServer((left) => {
      sockets.add(left.on('error', () => {}));
      if (sockets.size <= mute) return;
      const right = net.connect(to).on('error', () => left.destroy());
      left.on('close', () => right.destroy());
      left.pipe(right).pipe(left);
    });
    await new Promise<void>((resolve) => front.listen(socket, resolve));
    const close = () => {
      front.close();
      for (const open of sockets) open.destroy();
    };
    return { socket, close };
  }

  test('gives up a connection that stays mute, and sends what waited for it over another', async () => {
    const { socket, server } = await serve((reply) => reply(null, { object: Buffer.from('{}') }));
    const muted = await relay(socket, 1);
    const transport = makeTransport({ address: `unix:${muted.socket}` }, env);
    try {
      const [one, two] = await Promise.all([
        transport.call(clusterService.get, request),
        transport.call(clusterService.get, request),
      ]);
      assert.equal(one.object.toString(), '{}');
      assert.equal(two.object.toString(), '{}');
    } finally {
      transport.close();
      muted.close();
      server.forceShutdown();
    }
  });

  test('close() fails calls that wait for a connection, for an answer or for another attempt, and later ones', async () => {
    const { socket, server } = await serve(() => {});
    const muted = await relay(socket, Infinity);
    try {
      for (const address of [socket, muted.socket, `${socket}.absent`]) {
        const transport = makeTransport({ address: `unix:${address}` }, env);
        const refused = assert.rejects(transport.call(clusterService.get, request, true), (error) =>
          isReason(error, 'ServiceUnavailable'),
        );
        await env.sleep(100);
        const begin = env.monotonic();
        transport.close();
        await refused;
        assert.ok(env.monotonic() - begin < 3000);
        await assert.rejects(transport.call(clusterService.get, request), /the client is closed/);
      }
    } finally {
      muted.close();
      server.forceShutdown();
    }
  });
});
