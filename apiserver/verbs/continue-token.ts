/** The token between two pages of a list: the revision of the list and the key after which the next page begins. */
import { badRequest } from '#lib/meta/errors.ts';
import type { ApiError } from '#lib/meta/errors.ts';

export interface Position {
  /** Undefined: at whatever is the latest, an inconsistent continuation that the client asked for. */
  revision: bigint | undefined;
  /** A whole store key; the next page begins after it. */
  after: string;
}

/** Writes the token in upstream's form: base64url of `{v, rv, start}`, start being relative to the list's prefix. */
export function writeToken(prefix: string, { revision, after }: Position): string {
  const start = `${after.slice(prefix.length)}\0`;
  // The revision stays below 2^53 for millennia, and upstream writes it as a number.
  const text = JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision === undefined ? -1 : Number(revision), start });
  return toBase64Url(text);
}

/** Reads a token for a list under `prefix`; throws BadRequest for one that this server did not write. */
export function readToken(prefix: string, token: string): Position {
  let parsed: { v?: unknown; rv?: unknown; start?: unknown };
  try {
    parsed = JSON.parse(fromBase64Url(token)) as typeof parsed;
  } catch {
    throw refused('illegal base64 data or JSON');
  }
  const { v, rv, start } = parsed ?? {};
  if (v !== 'meta.k8s.io/v1') throw refused('server does not recognize this encoded version');
  if (typeof rv !== 'number' || !Number.isSafeInteger(rv) || rv === 0) {
    throw refused('incorrect encoded start resourceVersion (version meta.k8s.io/v1)');
  }
  if (typeof start !== 'string' || start === '') {
    throw refused('encoded start key empty (version meta.k8s.io/v1)');
  }
  if (start.split('/').some((part) => part === '..')) throw refused('bad start key');
  const key = start.endsWith('\0') ? start.slice(0, -1) : start;
  return { revision: rv < 0 ? undefined : BigInt(rv), after: `${prefix}${key}` };
}

function refused(because: string): ApiError {
  return badRequest(`invalid continue token: continue key is not valid: ${because}`);
}

function toBase64Url(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}

function fromBase64Url(token: string): string {
  const bytes = Uint8Array.from(atob(token.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0));
  return new TextDecoder().decode(bytes);
}
