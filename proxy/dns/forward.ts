/** Asks other name servers, and remembers their answers for a little while. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { decode } from 'dns-packet';
import { makeRecent } from '#lib/control/recent.ts';
import type { Env } from '#lib/env/env.ts';

export type Transport = 'udp' | 'tcp';

/** Sends a query on and resolves to the answer, under the query's own id. Rejects when no server answers. */
export type Forward = (query: Buffer, transport: Transport) => Promise<Buffer>;

/** Queries under way at a time; one more is refused at once. */
const inFlightLimit = 256;
const timeoutMs = 2000;
/** Servers asked for one query. */
const attempts = 3;
const rememberedAnswers = 2000;
const rememberedForMs = 30_000;

/** Makes a forwarder to these addresses, asked in turn; undefined when there are none. */
export function makeForward(upstream: readonly string[], env: Env): Forward | undefined {
  if (upstream.length === 0) return undefined;
  const remembered = makeRecent<{ answer: Buffer; until: number }>(rememberedAnswers);
  let inFlight = 0;

  async function ask(query: Buffer, transport: Transport): Promise<Buffer> {
    let failure: unknown;
    for (let attempt = 0; attempt < Math.min(attempts, Math.max(2, upstream.length)); attempt++) {
      const server = upstream[attempt % upstream.length]!;
      try {
        return await (transport === 'udp' ? askUdp(server, query, env) : askTcp(server, query, env));
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  return async (query, transport) => {
    // All but the id: flags, question and extensions.
    const key = `${transport} ${query.toString('latin1', 2)}`;
    const known = remembered.get(key);
    if (known && known.until > env.monotonic()) return withId(known.answer, query);
    if (inFlight >= inFlightLimit) throw new Error('Cannot forward query: too many under way');
    inFlight++;
    try {
      const answer = await ask(query, transport);
      const keepMs = Math.min(rememberedForMs, timeToLiveMs(answer));
      if (keepMs > 0) remembered.set(key, { answer, until: env.monotonic() + keepMs });
      return withId(answer, query);
    } finally {
      inFlight--;
    }
  };
}

function askUdp(server: string, query: Buffer, env: Env): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // A socket of its own, so that the kernel picks a port nobody can guess, and takes packets of this server alone.
    const socket = createSocket('udp4');
    const settle = (finish: () => void) => {
      cancel();
      socket.close();
      finish();
    };
    const cancel = env.after(timeoutMs, () => settle(() => reject(timedOut(server))));
    socket.on('error', (error) => settle(() => reject(error)));
    socket.on('message', (answer) => {
      if (answers(query, answer)) settle(() => resolve(answer));
    });
    socket.connect(53, server, () => socket.send(query));
  });
}

function askTcp(server: string, query: Buffer, env: Env): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(53, server);
    let received = Buffer.alloc(0);
    const settle = (finish: () => void) => {
      cancel();
      socket.destroy();
      finish();
    };
    const cancel = env.after(timeoutMs, () => settle(() => reject(timedOut(server))));
    socket.on('error', (error) => settle(() => reject(error)));
    socket.on('close', () => settle(() => reject(new Error(`Cannot ask ${server}: connection closed`))));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      settle(() => resolve(received.subarray(2, 2 + received.readUInt16BE(0))));
    });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.length);
    socket.write(Buffer.concat([length, query]));
  });
}

function timedOut(server: string): Error {
  return new Error(`Cannot ask ${server}: no answer after ${timeoutMs} ms`);
}

/** Whether the packet answers this very query: id, the answer bit, and the question. */
function answers(query: Buffer, answer: Buffer): boolean {
  if (answer.length < 12 || answer.readUInt16BE(0) !== query.readUInt16BE(0) || !(answer[2]! & 0x80)) return false;
  try {
    const [asked] = decode(query).questions ?? [];
    const [answered] = decode(answer).questions ?? [];
    return asked?.name.toLowerCase() === answered?.name.toLowerCase() && asked?.type === answered?.type;
  } catch {
    return false;
  }
}

/** How long an answer holds; 0 for failures, truncated and unreadable ones. */
function timeToLiveMs(answer: Buffer): number {
  const code = answer[3]! & 15;
  if (answer[2]! & 2 || (code !== 0 && code !== 3)) return 0;
  try {
    const { answers = [], authorities = [] } = decode(answer);
    const times = [...answers, ...authorities].flatMap((record) => ('ttl' in record ? [record.ttl ?? 0] : []));
    return times.length === 0 ? 0 : Math.min(...times) * 1000;
  } catch {
    return 0;
  }
}

function withId(answer: Buffer, query: Buffer): Buffer {
  const own = Buffer.from(answer);
  query.copy(own, 0, 0, 2);
  return own;
}
