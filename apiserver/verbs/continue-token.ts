/** The token between two pages of a list: the revision of the list and the key after which the next page begins. */
import { badRequest } from '#lib/meta/errors.ts';
import type { ApiError } from '#lib/meta/errors.ts';
import { jsonFault } from '#lib/meta/json-fault.ts';

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

/** Reads a token for a list under `prefix`; throws BadRequest for one that this server did not write, in upstream's words. */
export function readToken(prefix: string, token: string): Position {
  const { v, rv, start } = parse(fromBase64Url(token));
  if (v !== 'meta.k8s.io/v1') throw refused(`: server does not recognize this encoded version ${String(v ?? '')}`);
  if (typeof rv !== 'number' || !Number.isSafeInteger(rv) || rv === 0) {
    throw refused(': incorrect encoded start resourceVersion (version meta.k8s.io/v1)');
  }
  if (typeof start !== 'string' || start === '') {
    throw refused(': encoded start key empty (version meta.k8s.io/v1)');
  }
  // A key that leads elsewhere, or is written in a roundabout way, is none that was given out.
  const inner = start.startsWith('/') ? start.slice(1) : start;
  if (inner.split('/').some((part) => part === '' || part === '.' || part === '..')) throw refused(`: ${start}`);
  const key = inner.endsWith('\0') ? inner.slice(0, -1) : inner;
  return { revision: rv < 0 ? undefined : BigInt(rv), after: `${prefix}${key}` };
}

function parse(text: string): { v?: unknown; rv?: unknown; start?: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refused(`: ${jsonFault(text) ?? String(error)}`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  return {};
}

function refused(because: string): ApiError {
  return badRequest(`invalid continue token: continue key is not valid${because}`);
}

function toBase64Url(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}

/** Without padding, as Go's RawURLEncoding. */
function fromBase64Url(token: string): string {
  const bad = /[^A-Za-z0-9_-]/.exec(token)?.index ?? (token.length % 4 === 1 ? token.length : -1);
  if (bad >= 0) throw refused(`: illegal base64 data at input byte ${bad}`);
  const bytes = Uint8Array.from(atob(token.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0));
  return new TextDecoder().decode(bytes);
}
