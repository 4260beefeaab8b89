/** Where the events of a watch go: into an answer of HTTP, one after the other, or into a WebSocket, each a message of its own. */
import type { Env } from '#lib/env/env.ts';
import { badRequest } from '#lib/meta/errors.ts';
import { webSocketTokenPrefix } from '../auth/bearer.ts';
import { acceptWebSocket } from '../streams/websocket.ts';
import { isGone } from './answer.ts';
import type { Request, Response } from './answer.ts';
import type { Upgrade } from './exchange.ts';
import type { Accepted } from './negotiate.ts';

export interface WatchSink {
  /** Before anything is written. */
  begin(contentType: string): void;
  /** Takes whole events, framed as HTTP has them. False when the client should read before it is given more. */
  write(events: readonly Buffer[]): boolean;
  /** After what has been written. */
  end(): void;
  /** At once. */
  destroy(): void;
  /** Whether nobody reads any more. */
  isOver(): boolean;
  onDrain(run: () => void): void;
  /** Maybe more than once. */
  onClose(run: () => void): void;
}

/** A stream of events as the body of an answer. */
export function answerSink(response: Response): WatchSink {
  return {
    begin(contentType) {
      response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-cache, private' });
      response.flushHeaders();
    },
    write: (events) => response.write(events.length === 1 ? events[0]! : Buffer.concat(events)),
    end: () => void response.end(),
    destroy: () => void response.destroy(),
    isOver: () => isGone(response) || response.writableEnded,
    onDrain: (run) => void response.on('drain', run),
    onClose(run) {
      response.on('close', run);
      response.on('error', run);
    },
  };
}

/** Bytes before each event of protobuf that tell its length, which a message knows by itself. */
const protobufPrefixBytes = 4;

/**
 * Completes the upgrade, as upstream's `handlers/watch.go`: JSON goes as text, protobuf as binary messages. What the client sends is read and dropped.
 * Throws BadRequest for a handshake that is none, or that offers more than one sub-protocol: upstream picks none.
 */
export async function webSocketSink(upgrade: Upgrade, { format }: Accepted, env: Env): Promise<WatchSink> {
  const { request, socket } = upgrade;
  const isBinary = format === 'protobuf';
  const webSocket = await acceptWebSocket(upgrade, onlyProtocol(request), env, { heartbeat: false });
  webSocket.resume();
  return {
    begin() {},
    write(events) {
      socket.cork();
      for (const event of events) {
        webSocket.send(isBinary ? event.subarray(protobufPrefixBytes) : event, { binary: isBinary });
      }
      socket.uncork();
      return !socket.writableNeedDrain;
    },
    end: () => webSocket.close(1000),
    destroy: () => webSocket.terminate(),
    isOver: () => webSocket.readyState !== webSocket.OPEN,
    onDrain: (run) => void socket.on('drain', run),
    onClose: (run) => void webSocket.on('close', run),
  };
}

/** The sub-protocol that the client offers; it is agreed to whatever it is, since a watch has but one form. '' for none. */
function onlyProtocol({ headers }: Request): string {
  const offered = (headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && !name.startsWith(webSocketTokenPrefix));
  if (offered.length > 1) throw badRequest('Bad Request: a watch agrees to one sub-protocol, and not to one of many');
  return offered[0] ?? '';
}
