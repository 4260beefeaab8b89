/** Client of OCI distribution registries: reads manifests and blobs, through mirrors first. */
import type { Env } from '#lib/env/env.ts';
import type { BlobDraft } from './blobs.ts';
import { parseChallenges, tokenUrl } from './challenge.ts';
import { get, readAll } from './http.ts';
import type { Answer } from './http.ts';
import { acceptedManifests } from './manifest.ts';
import { sha256 } from './store.ts';
import { formatReference } from './reference.ts';
import type { Reference } from './reference.ts';
import type { RegistryAuth } from './types.ts';

export interface RegistryOptions {
  /** Host -> addresses tried before it, in order: `host:port` or a URL. `*` is for all hosts without their own. */
  mirrors: Readonly<Record<string, readonly string[]>>;
  /** Hosts that speak plain HTTP; loopback addresses do without being named. */
  insecureRegistries: readonly string[];
  env: Env;
}

/** Reads one repository. */
export interface Repository {
  /** By tag or digest; a digest is verified. */
  manifest(name: string, signal: AbortSignal): Promise<{ body: Buffer; digest: string }>;
  /** Fills the draft with the blob, going on after a lost connection. Does not verify: the draft does. */
  blob(digest: string, sizeBytes: number, draft: BlobDraft, signal: AbortSignal): Promise<void>;
}

interface Endpoint {
  /** For credentials. */
  host: string;
  url: string;
  isOrigin: boolean;
}

/** An answer that is not 200; `isFinal` when asking again will not help. */
class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly isFinal: boolean;

  constructor(message: string, isFinal: boolean, options?: ErrorOptions) {
    super(message, options);
    this.isFinal = isFinal;
  }
}

const mostManifestBytes = 4 * 1024 * 1024;
const mostTokenBytes = 1024 * 1024;
const manifestAttempts = 3;
const blobAttempts = 6;
const firstPauseMs = 200;

export function openRepository(
  reference: Reference,
  auth: ((registry: string) => RegistryAuth | undefined) | undefined,
  options: RegistryOptions,
): Repository {
  const endpoints = endpointsFor(reference.host, options);
  const tickets = new Map<string, string>();

  /** One GET with whatever credentials it takes. Throws RefusedError unless 200 or 206. */
  const fetchFrom = async (
    endpoint: Endpoint,
    path: string,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<Answer> => {
    const url = new URL(`${endpoint.url}/v2/${reference.path}/${path}`);
    if (!endpoint.isOrigin) url.searchParams.set('ns', reference.host);
    const send = (ticket: string | undefined) =>
      get(url, ticket === undefined ? headers : { ...headers, authorization: ticket }, signal).catch(
        (error: unknown) => {
          signal.throwIfAborted();
          throw new RefusedError(`failed to do request: Get "${url.href}": ${describe(error)}`, isHopeless(error), {
            cause: error,
          });
        },
      );
    let answer = await send(tickets.get(endpoint.url));
    if (answer.status === 401) {
      answer.body.resume();
      const ticket = await ticketFor(endpoint, answer.headers['www-authenticate'] ?? '', signal);
      tickets.set(endpoint.url, ticket);
      answer = await send(ticket);
    }
    if (answer.status === 200 || answer.status === 206) return answer;
    answer.body.resume();
    if (answer.status === 404)
      throw new RefusedError(
        path.startsWith('manifests/') ? `${formatReference(reference)}: not found` : `content at ${url.href} not found`,
        true,
      );
    if (answer.status === 401 || answer.status === 403) throw denied('insufficient_scope: authorization failed');
    throw new RefusedError(
      `unexpected status from GET request to ${url.href}: ${answer.status} ${answer.body.statusMessage ?? ''}`.trimEnd(),
      answer.status < 500 && answer.status !== 429 && answer.status !== 408,
    );
  };

  /** The Authorization header that satisfies a challenge. */
  const ticketFor = async (endpoint: Endpoint, header: string, signal: AbortSignal): Promise<string> => {
    const credentials = auth?.(endpoint.host);
    const basic = credentials && `Basic ${toBase64(`${credentials.username}:${credentials.password}`)}`;
    for (const challenge of parseChallenges(header)) {
      if (challenge.scheme === 'basic') {
        if (basic === undefined) continue;
        return basic;
      }
      const url = tokenUrl(challenge, `repository:${reference.path}:pull`);
      if (url.protocol !== 'https:' && endpoint.url.startsWith('https:'))
        throw new RefusedError(`refused to send credentials to ${url.origin}, which is not encrypted`, true);
      const answer = await get(url, basic === undefined ? {} : { authorization: basic }, signal);
      const body = await readAll(answer.body, mostTokenBytes);
      if (answer.status === 401 || answer.status === 403) throw denied('authorization failed');
      if (answer.status !== 200)
        throw new RefusedError(`failed to fetch token: unexpected status ${answer.status}`, answer.status < 500);
      const reply = JSON.parse(body.toString('utf8')) as { token?: string; access_token?: string };
      const token = reply.token ?? reply.access_token;
      if (token === undefined) throw new RefusedError('failed to fetch token: no token in the answer', true);
      return `Bearer ${token}`;
    }
    throw denied('authorization failed: no basic auth credentials');
  };

  /** Tries each endpoint in turn, and all of them again while the trouble may pass. The last word is the origin's. */
  const persist = async <T>(
    attempts: number,
    signal: AbortSignal,
    run: (endpoint: Endpoint) => Promise<T>,
  ): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      let last: unknown;
      for (const endpoint of endpoints) {
        try {
          return await run(endpoint);
        } catch (error) {
          signal.throwIfAborted();
          last = error;
          if (!endpoint.isOrigin) options.env.log.debug('Mirror did not serve', { mirror: endpoint.url, error });
        }
      }
      if (attempt >= attempts || (last instanceof RefusedError && last.isFinal)) throw last;
      await options.env.sleep(firstPauseMs * 2 ** (attempt - 1), signal);
    }
  };

  return {
    manifest: (name, signal) =>
      persist(manifestAttempts, signal, async (endpoint) => {
        const answer = await fetchFrom(endpoint, `manifests/${name}`, { accept: acceptedManifests }, signal);
        const body = await readAll(answer.body, mostManifestBytes);
        const digest = sha256(body);
        if (name.startsWith('sha256:') && digest !== name)
          throw new RefusedError(`unexpected manifest digest ${digest}, expected ${name}`, true);
        return { body, digest };
      }),
    blob: (digest, sizeBytes, draft, signal) =>
      persist(blobAttempts, signal, async (endpoint) => {
        const from = draft.writtenBytes;
        const headers: Record<string, string> = from > 0 ? { range: `bytes=${from}-` } : {};
        const answer = await fetchFrom(endpoint, `blobs/${digest}`, headers, signal);
        if (from > 0 && answer.status !== 206) await draft.restart();
        for await (const chunk of answer.body as AsyncIterable<Buffer>) {
          if (draft.writtenBytes + chunk.length > sizeBytes) {
            await draft.restart();
            throw new RefusedError(`blob ${digest} is larger than the ${sizeBytes} bytes of its descriptor`, true);
          }
          await draft.write(chunk);
        }
        if (draft.writtenBytes < sizeBytes) throw new RefusedError(`blob ${digest} ended early: unexpected EOF`, false);
      }),
  };
}

function endpointsFor(host: string, options: RegistryOptions): Endpoint[] {
  const mirrors = options.mirrors[host] ?? options.mirrors['*'] ?? [];
  const origin = host === 'docker.io' ? 'registry-1.docker.io' : host;
  return [
    ...mirrors.map((mirror) => endpointAt(mirror, options.insecureRegistries, false)),
    { ...endpointAt(origin, options.insecureRegistries, true), host },
  ];
}

function endpointAt(address: string, insecure: readonly string[], isOrigin: boolean): Endpoint {
  if (/^https?:\/\//.test(address)) {
    const url = address.replace(/\/+$/, '');
    return { host: new URL(url).host, url, isOrigin };
  }
  const scheme = insecure.includes(address) || isLoopback(address) ? 'http' : 'https';
  return { host: address, url: `${scheme}://${address}`, isOrigin };
}

function isLoopback(address: string): boolean {
  const host = address.replace(/:\d+$/, '');
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function denied(because: string): RefusedError {
  return new RefusedError(
    `pull access denied, repository does not exist or may require authorization: server message: ${because}`,
    true,
  );
}

/** Nobody listens there, or the name does not exist: the caller's own backoff is the right place to wait. */
function isHopeless(error: unknown): boolean {
  return codeOf(error) === 'ECONNREFUSED' || codeOf(error) === 'ENOTFOUND';
}

/** In the words that Go's network library has, which users know from events. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { address, port, hostname } = error as { address?: string; port?: number; hostname?: string };
  switch (codeOf(error)) {
    case 'ECONNREFUSED':
      return `dial tcp ${address ?? 'unknown'}:${port ?? 0}: connect: connection refused`;
    case 'ENOTFOUND':
      return `dial tcp: lookup ${hostname ?? 'unknown'}: no such host`;
    case 'EAI_AGAIN':
      return `dial tcp: lookup ${hostname ?? 'unknown'}: Temporary failure in name resolution`;
    case 'ECONNRESET':
      return 'connection reset by peer';
    default:
      return error.message;
  }
}

/** A failed connection to several addresses is an AggregateError with a code of its own. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function toBase64(text: string): string {
  return Buffer.from(text).toString('base64');
}
