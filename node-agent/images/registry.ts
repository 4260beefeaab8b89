/** Client of OCI distribution registries: reads manifests and blobs, through mirrors first. */
import type { Env } from '#lib/env/env.ts';
import type { BlobDraft } from './blobs.ts';
import { readAll } from './http.ts';
import type { Answer } from './http.ts';
import { logInto } from './login.ts';
import type { LoggedIn } from './login.ts';
import { acceptedManifests } from './manifest.ts';
import { denied, RefusedError } from './refused.ts';
import type { Endpoint } from './registries.ts';
import { formatReference } from './reference.ts';
import type { Reference } from './reference.ts';
import { sha256 } from './store.ts';
import type { RegistryAuth } from './types.ts';

/** Where to ask, and as whom. */
export interface Access {
  endpoint: Endpoint;
  /** Tried in turn; none to ask as nobody. */
  candidates: readonly RegistryAuth[];
}

/** Reads one repository. */
export interface Repository {
  /** By tag or digest; a digest is verified. */
  manifest(name: string, signal: AbortSignal): Promise<{ body: Buffer; digest: string }>;
  /** Fills the draft with the blob, going on after a lost connection, also elsewhere. What it then holds has the right digest. */
  blob(digest: string, sizeBytes: number, draft: BlobDraft, signal: AbortSignal): Promise<void>;
}

interface Source {
  endpoint: Endpoint;
  ask: LoggedIn;
  /** Nobody answered there; it is not asked again. */
  isGone: boolean;
}

const mostManifestBytes = 4 * 1024 * 1024;
const manifestAttempts = 3;
const blobAttempts = 6;
const firstPauseMs = 200;

/** `accesses` in the order in which they are tried, the registry itself last. */
export function openRepository(reference: Reference, accesses: readonly Access[], env: Env): Repository {
  const sources = accesses.map(({ endpoint, candidates }): Source => ({
    endpoint,
    ask: logInto(endpoint, candidates),
    isGone: false,
  }));

  /** One GET. Throws RefusedError unless 200 or 206. */
  const fetchFrom = async (
    { endpoint, ask }: Source,
    path: string,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<Answer> => {
    const url = new URL(`${endpoint.url}/${endpoint.path}/${path}`);
    if (!endpoint.isOrigin) url.searchParams.set('ns', reference.host);
    const answer = await ask(url, headers, signal);
    if (answer.status === 200 || answer.status === 206) return answer;
    answer.body.resume();
    if (answer.status === 404)
      throw new RefusedError(
        path.startsWith('manifests/') ? `${formatReference(reference)}: not found` : `content at ${url.href} not found`,
        true,
      );
    if (answer.status === 401 || answer.status === 403) throw denied('authorization failed');
    throw new RefusedError(
      `unexpected status from GET request to ${url.href}: ${answer.status} ${answer.body.statusMessage ?? ''}`.trimEnd(),
      answer.status < 500 && answer.status !== 429 && answer.status !== 408,
    );
  };

  /**
   * Tries each source in turn, and all of them again while the trouble may pass: so many times without `reached` growing. The last word is
   * the origin's.
   */
  const persist = async <T>(
    attempts: number,
    signal: AbortSignal,
    run: (source: Source) => Promise<T>,
    reached = () => 0,
  ): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      let last: unknown;
      const before = reached();
      for (const source of sources) {
        if (source.isGone) continue;
        try {
          return await run(source);
        } catch (error) {
          signal.throwIfAborted();
          last = error;
          if (source.endpoint.isOrigin) continue;
          env.log.debug('Mirror did not serve', { mirror: source.endpoint.url, error });
          source.isGone = error instanceof RefusedError && error.isUnreachable;
        }
      }
      if (reached() > before) attempt = 1;
      if (attempt >= attempts || (last instanceof RefusedError && last.isFinal)) throw last;
      await env.sleep(firstPauseMs * 2 ** (attempt - 1), signal);
    }
  };

  return {
    manifest: (name, signal) =>
      persist(manifestAttempts, signal, async (source) => {
        const answer = await fetchFrom(source, `manifests/${name}`, { accept: acceptedManifests }, signal);
        const body = await readAll(answer.body, mostManifestBytes);
        const digest = sha256(body);
        if (name.startsWith('sha256:') && digest !== name)
          throw new RefusedError(`unexpected manifest digest ${digest}, expected ${name}`, true);
        return { body, digest };
      }),
    blob: (digest, sizeBytes, draft, signal) => {
      const fetchRest = async (source: Source) => {
        const from = draft.writtenBytes;
        const headers: Record<string, string> = from > 0 ? { range: `bytes=${from}-` } : {};
        const answer = await fetchFrom(source, `blobs/${digest}`, headers, signal);
        const goesOn = answer.status === 206 && (answer.headers['content-range'] ?? '').startsWith(`bytes ${from}-`);
        if (from > 0 && !goesOn) await draft.restart();
        for await (const chunk of answer.body as AsyncIterable<Buffer>) {
          if (draft.writtenBytes + chunk.length > sizeBytes) {
            await draft.restart();
            throw new RefusedError(`blob ${digest} is larger than the ${sizeBytes} bytes of its descriptor`, true);
          }
          await draft.write(chunk);
        }
        if (draft.writtenBytes < sizeBytes) throw new RefusedError(`blob ${digest} ended early: unexpected EOF`, false);
        return from > 0 && goesOn;
      };
      const run = async (source: Source) => {
        // A connection may be cut just behind the last byte.
        const isContinued = draft.writtenBytes === sizeBytes && sizeBytes > 0 ? true : await fetchRest(source);
        const found = draft.digest();
        if (found === digest) return;
        await draft.restart();
        // What another source began wrongly, this one may still have right.
        const message = `unexpected commit digest ${found}, expected ${digest}: failed precondition`;
        throw new RefusedError(message, !isContinued);
      };
      return persist(blobAttempts, signal, run, () => draft.writtenBytes);
    },
  };
}
