/** GET over HTTP as a registry client needs it: redirects, no waiting for ever, bodies as streams. */
import http from 'node:http';
import https from 'node:https';
import type { IncomingMessage } from 'node:http';

export interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  body: IncomingMessage;
}

/** No byte for this long: the connection is dead. */
const stallMs = 30_000;
const mostRedirects = 5;

/** Rejects when there is no answer. Credentials are not carried to another host. */
export async function get(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<Answer> {
  let at = url;
  let sent = headers;
  for (let hop = 0; hop <= mostRedirects; hop++) {
    const answer = await ask(at, sent, signal);
    const location = answer.headers.location;
    if (answer.status < 300 || answer.status >= 400 || location === undefined) return answer;
    answer.body.resume();
    const next = new URL(location, at);
    if (next.protocol !== 'https:' && next.protocol !== at.protocol)
      throw new Error(`refused a redirect from ${at.protocol} to ${next.protocol}`);
    if (next.host !== at.host || next.protocol !== at.protocol) {
      const { authorization: _secret, ...others } = sent;
      sent = others;
    }
    at = next;
  }
  throw new Error(`stopped after ${mostRedirects} redirects`);
}

/** The whole body. Rejects when it is longer than `mostBytes`. */
export async function readAll(body: IncomingMessage, mostBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > mostBytes) throw new Error(`answer is longer than ${mostBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function ask(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { request } = url.protocol === 'https:' ? https : http;
    const asked = request(url, { headers: { 'user-agent': 'wherry', ...headers }, signal, timeout: stallMs });
    asked.on('timeout', () => asked.destroy(new Error(`no answer for ${stallMs} ms`)));
    asked.on('error', reject);
    asked.on('response', (body) => resolve({ status: body.statusCode ?? 0, headers: body.headers, body }));
    asked.end();
  });
}
