/** `pods/log`: the node's stream of a container's log as a plain, chunked answer. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { ClientReadableStream } from '@grpc/grpc-js';
import type { WebSocket } from 'ws';
import type { Env } from '#lib/env/env.ts';
import { ApiError } from '#lib/meta/errors.ts';
import { goQuote } from '#lib/meta/go-text.ts';
import type { Chunk } from '#protos/gen/node.ts';
import { dialFailed, nodeFailure } from './node-connection.ts';

/** A node that says nothing for this long has not refused: a followed log may be silent for hours. */
const refusalMs = 1000;

/** Sends the log until it ends or the client leaves. `url` is where a kubelet would have it, for who is told that the node cannot be reached. Rejects with ApiError while the client can still be told by a status code. */
export async function sendLog(
  call: ClientReadableStream<Chunk>,
  response: ServerResponse,
  url: string,
  env: Env,
): Promise<void> {
  const gone = new AbortController();
  const onClose = () => {
    gone.abort(new Error('the client left'));
    call.cancel();
  };
  response.once('close', onClose);
  const begin = () => {
    if (response.headersSent || gone.signal.aborted) return;
    response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-cache, private' });
    response.flushHeaders?.();
  };
  const cancelBegin = env.after(refusalMs, begin);
  call.once('metadata', begin);
  try {
    for await (const { data } of call as AsyncIterable<Chunk>) {
      begin();
      if (!response.write(data)) await once(response, 'drain', { signal: gone.signal });
    }
    begin();
    response.end();
  } catch (error) {
    if (gone.signal.aborted) return;
    if (!response.headersSent) throw failureOf(url, error);
    env.log.debug('A log ended early', { error });
    response.destroy();
  } finally {
    cancelBegin();
    response.off('close', onClose);
    call.on('error', () => {});
    call.cancel();
  }
}

/** Sends the log as messages, in base64 when they are to be text, until it ends or the client leaves. */
export async function sendLogMessages(
  call: ClientReadableStream<Chunk>,
  webSocket: WebSocket,
  isText: boolean,
): Promise<void> {
  const closed = new Promise<void>((resolve) => webSocket.once('close', () => resolve()));
  void closed.then(() => call.cancel());
  // Nothing that the client says matters but that it leaves.
  webSocket.resume();
  try {
    for await (const { data } of call as AsyncIterable<Chunk>) {
      await new Promise<void>((resolve, reject) => {
        const sent = (error?: Error | null) => (error ? reject(error) : resolve());
        webSocket.send(isText ? Buffer.from(data).toString('base64') : data, { binary: !isText }, sent);
      });
    }
  } finally {
    call.on('error', () => {});
    call.cancel();
    webSocket.close(1000);
    await closed;
  }
}

/** The log of a pod that no node has yet. */
export function sendEmptyLog(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-cache, private' });
  response.end();
}

function failureOf(url: string, error: unknown): Error {
  const known = nodeFailure(error);
  if (!known.message.startsWith(dialFailed)) return known;
  return new ApiError('Unknown', `Get ${goQuote(url)}${known.message.slice(dialFailed.length)}`, undefined, {
    cause: error,
  });
}
