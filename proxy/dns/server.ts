/** Listens for queries over UDP and TCP on one address. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import type { Env } from '#lib/env/env.ts';
import type { Respond } from './respond.ts';

export interface DnsServer {
  stop(): Promise<void>;
}

const connectionLimit = 256;
/** A connection with so many queries unanswered is not read from until all are. */
const pendingLimit = 64;
/** A connection that asks nothing for so long is closed. */
const idleMs = 10_000;

/** Resolves once both sockets are bound; rejects when one cannot be. */
export async function listen(address: string, port: number, respond: Respond, env: Env): Promise<DnsServer> {
  const udp = createSocket('udp4');
  udp.on('message', (packet, from) => {
    void respond(packet, 'udp').then((reply) => {
      if (reply) udp.send(reply, from.port, from.address, noteFailure);
    });
  });
  const noteFailure = (error: Error | null) => {
    if (error) env.log.debug('Cannot send answer', { error });
  };
  const connections = new Set<Socket>();
  const tcp = createServer((socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
    serve(socket, respond, env);
  });
  tcp.maxConnections = connectionLimit;
  await new Promise<void>((resolve, reject) => {
    udp.once('error', reject);
    udp.bind({ address, port }, resolve);
  });
  try {
    await new Promise<void>((resolve, reject) => {
      tcp.once('error', reject);
      tcp.listen(port, address, resolve);
    });
  } catch (error) {
    udp.close();
    throw error;
  }
  udp.on('error', noteFailure);
  tcp.on('error', noteFailure);
  return {
    async stop() {
      for (const socket of connections) socket.destroy();
      await Promise.all([
        new Promise<void>((resolve) => void tcp.close(() => resolve())),
        new Promise<void>((resolve) => void udp.close(() => resolve())),
      ]);
    },
  };
}

/** Queries with their length before them, answered in the order they came. */
function serve(socket: Socket, respond: Respond, env: Env): void {
  let received = Buffer.alloc(0);
  let last = Promise.resolve();
  let pending = 0;
  let cancelIdle = env.after(idleMs, () => socket.destroy());
  socket.on('close', () => cancelIdle());
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    cancelIdle();
    cancelIdle = env.after(idleMs, () => socket.destroy());
    received = Buffer.concat([received, chunk]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      const packet = received.subarray(2, end);
      received = received.subarray(end);
      pending++;
      last = last.then(() => answerOne(packet));
    }
    if (pending > pendingLimit) socket.pause();
  });

  async function answerOne(packet: Buffer): Promise<void> {
    const reply = await respond(packet, 'tcp');
    if (--pending === 0) socket.resume();
    if (!reply || socket.destroyed) return;
    const length = Buffer.alloc(2);
    length.writeUInt16BE(reply.length);
    socket.write(Buffer.concat([length, reply]));
  }
}
