/** GET over HTTP as a registry client needs it: redirects, no waiting for ever, bodies as streams. */
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import type { IncomingMessage } from 'node:http';
import { getCACertificates } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import type { RegistryTls } from './registries.ts';

export interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  body: IncomingMessage;
}

/** No byte for this long: the connection is dead. */
const stallMs = 30_000;
const mostRedirects = 5;

/**
 * Rejects when there is no answer. Credentials are not carried to another host; nor is the certificate of `tls`, or its leave not to check
 * the other's.
 */
export async function get(
  url: URL,
  headers: Record<string, string>,
  signal: AbortSignal,
  tls?: RegistryTls,
): Promise<Answer> {
  let at = url;
  let sent = headers;
  for (let hop = 0; hop <= mostRedirects; hop++) {
    const answer = await ask(at, sent, signal, await optionsFor(tls, at.hostname === url.hostname));
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

/** Files are read for each request, so that renewed ones count at once. */
async function optionsFor(tls: RegistryTls | undefined, isOwnHost: boolean): Promise<ConnectionOptions> {
  if (!tls) return {};
  const { caFile, certFile, keyFile } = tls;
  return {
    ...(caFile !== undefined && { ca: [...getCACertificates('default'), await readFile(caFile, 'utf8')] }),
    ...(isOwnHost && certFile !== undefined && { cert: await readFile(certFile, 'utf8') }),
    ...(isOwnHost && keyFile !== undefined && { key: await readFile(keyFile, 'utf8') }),
    ...(isOwnHost && tls.isUnchecked && { rejectUnauthorized: false }),
  };
}

function ask(url: URL, headers: Record<string, string>, signal: AbortSignal, tls: ConnectionOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { headers: { 'user-agent': 'wherry', ...headers }, signal, timeout: stallMs };
    const asked = url.protocol === 'https:' ? https.request(url, { ...options, ...tls }) : http.request(url, options);
    asked.on('timeout', () => asked.destroy(new Error(`no answer for ${stallMs} ms`)));
    asked.on('error', reject);
    asked.on('response', (body) => resolve({ status: body.statusCode ?? 0, headers: body.headers, body }));
    asked.end();
  });
}
