/** Asks one endpoint with whatever credentials it takes, which it finds out by trying them in turn. */
import { parseChallenges, tokenUrl } from './challenge.ts';
import { get, readAll } from './http.ts';
import type { Answer } from './http.ts';
import { denied, RefusedError, unreachable } from './refused.ts';
import type { Endpoint } from './registries.ts';
import type { RegistryAuth } from './types.ts';

/** GETs a URL of the endpoint; whatever is answered but a refusal of credentials. Throws RefusedError. */
export type LoggedIn = (url: URL, headers: Record<string, string>, signal: AbortSignal) => Promise<Answer>;

const mostTokenBytes = 1024 * 1024;

/** `candidates` empty asks as nobody; tokens for nobody exist as well. */
export function logInto(endpoint: Endpoint, candidates: readonly RegistryAuth[]): LoggedIn {
  const turns: (RegistryAuth | undefined)[] = candidates.length > 0 ? [...candidates] : [undefined];
  let turn = 0;
  let ticket: string | undefined;
  /** The ticket has opened something. */
  let isProven = false;
  let challenge = '';
  let why = 'authorization failed';
  let renewing: Promise<void> | undefined;

  const send = (url: URL, headers: Record<string, string>, signal: AbortSignal, tls = endpoint.tls) =>
    get(url, headers, signal, tls).catch((error: unknown) => {
      signal.throwIfAborted();
      throw unreachable(url, error);
    });

  /** Finds the next ticket worth showing. */
  const renew = async (shown: string | undefined, signal: AbortSignal): Promise<void> => {
    // A ticket that was good may only have run out.
    if (isProven) isProven = false;
    else if (shown !== undefined) {
      turn += 1;
      why = 'insufficient_scope: authorization failed';
    }
    for (; turn < turns.length; turn++) {
      const next = await ticketFor(turns[turn], signal);
      if (next === undefined) continue;
      ticket = next;
      return;
    }
    throw denied(why);
  };

  /** The Authorization header that satisfies the challenge; undefined when these credentials do not. */
  const ticketFor = async (auth: RegistryAuth | undefined, signal: AbortSignal): Promise<string | undefined> => {
    const basic = auth && `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`;
    why = 'authorization failed: no basic auth credentials';
    for (const found of parseChallenges(challenge)) {
      if (found.scheme === 'basic') {
        if (basic !== undefined) return basic;
        continue;
      }
      const token = await tokenFor(tokenUrl(found, `repository:${endpoint.path}:pull`), basic, signal);
      if (token !== undefined) return `Bearer ${token}`;
      why = 'authorization failed';
    }
    return undefined;
  };

  /** What the token service gives for these credentials; undefined when it refuses them. */
  const tokenFor = async (url: URL, basic: string | undefined, signal: AbortSignal): Promise<string | undefined> => {
    if (url.protocol !== 'https:' && endpoint.url.startsWith('https:'))
      throw new RefusedError(`refused to send credentials to ${url.origin}, which is not encrypted`, true);
    const isOwn = url.hostname === new URL(endpoint.url).hostname;
    const { tls } = endpoint;
    const trusted =
      tls && (isOwn ? tls : { ...(tls.caFile !== undefined && { caFile: tls.caFile }), isUnchecked: false });
    const headers: Record<string, string> = basic === undefined ? {} : { authorization: basic };
    const answer = await send(url, headers, signal, trusted);
    const body = await readAll(answer.body, mostTokenBytes);
    if (answer.status === 401 || answer.status === 403) return undefined;
    if (answer.status !== 200)
      throw new RefusedError(`failed to fetch token: unexpected status ${answer.status}`, answer.status < 500);
    const reply = JSON.parse(body.toString('utf8')) as { token?: string; access_token?: string };
    const token = reply.token ?? reply.access_token;
    if (token === undefined) throw new RefusedError('failed to fetch token: no token in the answer', true);
    return token;
  };

  return async (url, headers, signal) => {
    for (;;) {
      const shown = ticket;
      const answer = await send(url, shown === undefined ? headers : { ...headers, authorization: shown }, signal);
      if (answer.status !== 401 && answer.status !== 403) {
        isProven ||= shown !== undefined && shown === ticket;
        return answer;
      }
      answer.body.resume();
      challenge = answer.headers['www-authenticate'] ?? challenge;
      // Several parts are asked for at a time: when another has renewed the ticket meanwhile, its ticket is tried.
      if (ticket !== shown) continue;
      renewing ??= renew(shown, signal).finally(() => {
        renewing = undefined;
      });
      await renewing;
    }
  };
}
