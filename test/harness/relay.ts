/** A TCP relay whose connections a test can cut, stall, or cut in the middle of an answer. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

export interface Relay {
  readonly port: number;
  /** Ends all connections at once; new ones are welcome. */
  cut(): void;
  /** Each connection ends after it has carried this many bytes back to the client; undefined for no limit. */
  cutAfter(bytes: number | undefined): void;
  /** Carries nothing any more over the connections there are, but keeps them open; new ones are not touched. */
  stall(): void;
  /** How many connections were opened so far. */
  readonly opened: number;
  stop(): Promise<void>;
}

/** Starts a relay on an ephemeral loopback port towards `target`. */
export async function startRelay(target: number): Promise<Relay> {
  const pairs = new Set<[Socket, Socket]>();
  let limit: number | undefined;
  let opened = 0;
  const end = (pair: [Socket, Socket]) => {
    pairs.delete(pair);
    for (const socket of pair) socket.destroy();
  };
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    const pair: [Socket, Socket] = [near, far];
    pairs.add(pair);
    opened++;
    let carried = 0;
    near.on('data', (bytes: Buffer) => far.write(bytes));
    far.on('data', (bytes: Buffer) => {
      const room = limit === undefined ? bytes.length : limit - carried;
      carried += bytes.length;
      near.write(bytes.subarray(0, Math.max(0, room)));
      if (room < bytes.length) near.end(() => end(pair));
    });
    for (const socket of pair) socket.on('error', () => end(pair)).on('close', () => end(pair));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get opened() {
      return opened;
    },
    cut: () => pairs.forEach(end),
    cutAfter: (bytes) => {
      limit = bytes;
    },
    stall: () => {
      for (const pair of pairs) for (const socket of pair) socket.pause();
    },
    async stop() {
      pairs.forEach(end);
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
