/** A load of HTTPS requests at a fixed concurrency, cheap enough to share the machine with what it measures. */
import { once } from 'node:events';
import { Agent, request } from 'node:https';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { performance } from 'node:perf_hooks';

/** How to reach a server: its URL, and a token or a client certificate. */
export interface Target {
  url: string;
  token?: string;
  cert?: string;
  key?: string;
}

export interface Client {
  /** The status code and the body, whose bytes are dropped unless `keep`. */
  send(method: string, path: string, body?: string, contentType?: string, keep?: boolean): Promise<Reply>;
  /** Counts the lines of a stream on a connection of its own. Resolves once it has begun. */
  watch(path: string, onLines: (count: number) => void): Promise<{ close(): void }>;
  close(): void;
}

export interface Reply {
  code: number;
  bytes: number;
  text: string;
}

/** The server's certificate is not looked at: it is the one we were told to measure. */
export function makeClient(target: Target, sockets: number): Client {
  const credentials = {
    rejectUnauthorized: false,
    ...(target.cert !== undefined && { cert: target.cert, key: target.key }),
  };
  const agent = new Agent({ keepAlive: true, maxSockets: sockets, maxFreeSockets: sockets, ...credentials });
  const { hostname, port } = new URL(target.url);
  const authorization = target.token === undefined ? {} : { authorization: `Bearer ${target.token}` };
  const open = (method: string, path: string, headers: object, on: Agent | false): ClientRequest =>
    request({
      hostname,
      port,
      method,
      path,
      agent: on,
      ...credentials,
      headers: { ...authorization, accept: 'application/json', ...headers },
    });

  return {
    async send(method, path, body, contentType = 'application/json', keep = false) {
      const headers =
        body === undefined ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(body) };
      const sending = open(method, path, headers, agent);
      sending.end(body);
      const [response] = (await once(sending, 'response')) as [IncomingMessage];
      let bytes = 0;
      const kept: Buffer[] = [];
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (keep) kept.push(chunk);
      });
      await once(response, 'end');
      return { code: response.statusCode ?? 0, bytes, text: keep ? Buffer.concat(kept).toString() : '' };
    },
    async watch(path, onLines) {
      const sending = open('GET', path, {}, false);
      sending.end();
      const [response] = (await once(sending, 'response')) as [IncomingMessage];
      if (response.statusCode !== 200) throw new Error(`Cannot watch ${path}: ${response.statusCode}`);
      response.on('data', (chunk: Buffer) => onLines(linesIn(chunk)));
      response.on('error', () => {});
      return { close: () => void sending.destroy() };
    },
    close: () => agent.destroy(),
  };
}

function linesIn(chunk: Buffer): number {
  let count = 0;
  for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, at + 1)) count++;
  return count;
}

export interface Outcome {
  perSecond: number;
  latenciesMs: number[];
  /** Code or fault -> how often; empty when all went well. */
  failures: Map<string, number>;
}

/** Runs `work(i)` for i below `count`, so many at a time; it answers a status code. */
export async function pump(count: number, concurrency: number, work: (i: number) => Promise<number>): Promise<Outcome> {
  const latenciesMs: number[] = [];
  const failures = new Map<string, number>();
  let next = 0;
  const began = performance.now();
  const lane = async () => {
    while (next < count) {
      const i = next++;
      const start = performance.now();
      const code = await work(i).catch((error: Error) => error.message);
      latenciesMs.push(performance.now() - start);
      const failed = typeof code === 'string' || code >= 300;
      if (failed) failures.set(String(code), (failures.get(String(code)) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, count) }, lane));
  return { perSecond: count / ((performance.now() - began) / 1000), latenciesMs, failures };
}
