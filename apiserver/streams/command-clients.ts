/** The client's side of exec and attach in the dialects that clients speak: channels in a WebSocket, and SPDY streams. */
import { once } from 'node:events';
import type { Duplex, Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { WebSocket } from 'ws';
import type { Env } from '#lib/env/env.ts';
import type { Resize } from '#protos/gen/node.ts';
import type { Upgrade } from '../rest/exchange.ts';
import { openChannels } from './channels.ts';
import { serveSpdy } from './spdy/connection.ts';
import type { SpdyStream } from './spdy/connection.ts';
import { statusText } from './status.ts';
import type { CommandClient } from './types.ts';
import { acceptSpdy, chooseSpdyProtocol, isSpdy } from './upgrade.ts';
import { acceptWebSocket, chooseProtocol } from './websocket.ts';

/** Which of its streams the client asked for. */
export interface WantedStreams {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  tty: boolean;
}

/** Sub-protocols over WebSocket. */
const webSocketProtocols = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
] as const;

/** Protocols over SPDY, best first. */
const spdyProtocols = ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'] as const;

const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 };
const streamLimitMs = 30_000;

export interface CommandDialect {
  /** Whether it can tell a node's refusal once the connection speaks it. Upstream's API server speaks such a dialect itself; with others the node answers. */
  tellsRefusals: boolean;
  /** Changes the connection's protocol; what it resolves with waits for the client to be ready. */
  accept(): Promise<() => CommandClient | Promise<CommandClient>>;
}

/** What the client speaks. Throws Forbidden when we do not. */
export function commandDialect(upgrade: Upgrade, wanted: WantedStreams, env: Env): CommandDialect {
  const { request, socket } = upgrade;
  if (isSpdy(request)) {
    const protocol = chooseSpdyProtocol(request, spdyProtocols);
    return {
      tellsRefusals: false,
      accept() {
        acceptSpdy(upgrade, protocol);
        return Promise.resolve(() => spdyClient(socket, protocol, wanted, env));
      },
    };
  }
  const protocol = chooseProtocol(request, webSocketProtocols);
  return {
    tellsRefusals: protocol === 'v5.channel.k8s.io',
    async accept() {
      const webSocket = await acceptWebSocket(upgrade, protocol, env);
      return () => webSocketClient(webSocket, protocol, wanted);
    },
  };
}

function webSocketClient(
  webSocket: WebSocket,
  protocol: (typeof webSocketProtocols)[number] | '',
  wanted: WantedStreams,
): CommandClient {
  const base64 = protocol.includes('base64');
  const channels = openChannels(webSocket, { base64, canClose: protocol.startsWith('v5') });
  const sizes = makeSizes();
  channels.onMessage(channel.resize, sizes.read);
  const [stdin, stdout, stderr, error] = [
    wanted.stdin ? channels.reader(channel.stdin) : undefined,
    wanted.stdout ? channels.writer(channel.stdout) : undefined,
    wanted.stderr ? channels.writer(channel.stderr) : undefined,
    channels.writer(channel.error),
  ];
  // Upstream tells so that the connection stands.
  channels.announce(wanted.stdout ? channel.stdout : wanted.stderr ? channel.stderr : channel.error);
  return {
    stdin,
    stdout,
    stderr,
    gone: channels.over,
    onResize: sizes.onSize,
    async finish(status) {
      await endAll([stdout, stderr]);
      const text = /^v[45]/.test(protocol) ? JSON.stringify(status) : statusText(status);
      if (text !== '') await endAll([error], Buffer.from(text));
      await channels.close();
    },
  };
}

/** Resolves when the client has opened the streams it asked for; rejects when it does not, or asks for a stream twice. */
async function spdyClient(
  transport: Duplex,
  protocol: (typeof spdyProtocols)[number],
  wanted: WantedStreams,
  env: Env,
): Promise<CommandClient> {
  const hasResize = wanted.tty && /^v[34]/.test(protocol);
  const expected = Object.entries({ error: true, resize: hasResize, ...wanted, tty: false })
    .filter(([, isWanted]) => isWanted)
    .map(([name]) => name);
  const streams = new Map<string, SpdyStream>();
  const complete = new AbortController();
  const connection = serveSpdy(transport, env, (stream) => {
    const type = stream.headers.get('streamtype') ?? '';
    if (!expected.includes(type) || streams.has(type)) {
      env.log.debug('A SPDY client opened a stream that it did not ask for', { type });
      stream.destroy();
      return;
    }
    streams.set(type, stream);
    if (streams.size === expected.length) complete.abort();
  });
  const cancel = env.after(streamLimitMs, () => transport.destroy());
  if (streams.size < expected.length)
    await Promise.race([abortOf(complete.signal), abortOf(connection.over)]).finally(cancel);
  if (connection.over.aborted) throw new Error('the client did not open its streams');
  const sizes = makeSizes();
  const resize = streams.get('resize');
  if (resize) readSizes(resize, sizes.read);
  const error = streams.get('error')!;
  error.resume();
  for (const name of ['stdout', 'stderr']) streams.get(name)?.resume();
  return {
    stdin: streams.get('stdin'),
    stdout: streams.get('stdout'),
    stderr: streams.get('stderr'),
    gone: connection.over,
    onResize: sizes.onSize,
    async finish(status) {
      await endAll([streams.get('stdout'), streams.get('stderr')]);
      await endAll([error], Buffer.from(protocol.startsWith('v4') ? JSON.stringify(status) : statusText(status)));
      await connection.end();
    },
  };
}

/** Sizes of the client's window, as JSON with Go's field names. */
function makeSizes(): { read(data: Buffer): void; onSize(listener: (size: Resize) => void): void } {
  let last: Resize | undefined;
  let listener: ((size: Resize) => void) | undefined;
  return {
    read(data) {
      const size = parseSize(data);
      if (!size) return;
      last = size;
      listener?.(size);
    },
    onSize(given) {
      listener = given;
      if (last) given(last);
    },
  };
}

function parseSize(data: Buffer): Resize | undefined {
  try {
    const { Width, Height } = JSON.parse(data.toString('utf8')) as { Width?: number; Height?: number };
    const isSide = (side: unknown): side is number =>
      Number.isInteger(side) && Number(side) > 0 && Number(side) < 65536;
    return isSide(Width) && isSide(Height) ? { width: Width, height: Height } : undefined;
  } catch {
    // What is no size changes nothing.
    return undefined;
  }
}

/** A stream of JSON objects one after the other; each is flat, so a closing brace ends it. */
function readSizes(stream: Readable, read: (data: Buffer) => void): void {
  const longest = 1024;
  let text = '';
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    for (let end = text.indexOf('}'); end >= 0; end = text.indexOf('}')) {
      read(Buffer.from(text.slice(0, end + 1)));
      text = text.slice(end + 1);
    }
    if (text.length > longest) stream.destroy();
  });
}

/** Ends streams, the last with these words; resolves when all has left or the client is gone. */
async function endAll(streams: readonly (Writable | undefined)[], words?: Buffer): Promise<void> {
  const ending = streams.map(async (stream) => {
    if (!stream || stream.destroyed) return;
    if (words) stream.end(words);
    else stream.end();
    await finished(stream, { readable: false });
  });
  await Promise.allSettled(ending);
}

async function abortOf(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}
