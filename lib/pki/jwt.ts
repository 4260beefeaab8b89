/** JSON Web Tokens (RFC 7519) as service accounts carry them: signed by keys of elliptic curves or RSA. */
import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** By JWA's names (RFC 7518). */
export type JwtAlgorithm = 'ES256' | 'ES384' | 'ES512' | 'RS256';

/** What tokens are verified by. */
export interface JwtKey {
  /** As upstream derives it: the digest of the public key. */
  id: string;
  algorithm: JwtAlgorithm;
  publicKey: KeyObject;
}

/** What tokens are signed by. */
export interface JwtSigner extends JwtKey {
  privateKey: KeyObject;
}

const curves: Readonly<Record<string, JwtAlgorithm>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };
const hashes: Readonly<Record<JwtAlgorithm, string>> = {
  ES256: 'sha256',
  ES384: 'sha384',
  ES512: 'sha512',
  RS256: 'sha256',
};

/** Reads a key from PEM: a public key, a certificate, or a private key, of which only the public part is used. Throws for others. */
export function readJwtKey(pem: string): JwtKey {
  return keyOf(createPublicKey(pem));
}

/** Reads a private key from PEM. Throws for what is none, or of a kind that signs no tokens. */
export function readJwtSigner(pem: string): JwtSigner {
  const privateKey = createPrivateKey(pem);
  return { ...keyOf(createPublicKey(privateKey)), privateKey };
}

function keyOf(publicKey: KeyObject): JwtKey {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = publicKey;
  const algorithm = type === 'rsa' ? 'RS256' : curves[details?.namedCurve ?? ''];
  if (!algorithm) throw new TypeError(`Cannot use a key for tokens: keys of type ${type} sign none`);
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return { id: createHash('sha256').update(der).digest('base64url'), algorithm, publicKey };
}

/** The public key as a JSON Web Key (RFC 7517). */
export function jsonWebKey({ id, algorithm, publicKey }: JwtKey): object {
  return { use: 'sig', kid: id, alg: algorithm, ...publicKey.export({ format: 'jwk' }) };
}

export function signJwt(claims: object, { id, algorithm, privateKey }: JwtSigner): string {
  const text = `${encode({ alg: algorithm, kid: id })}.${encode(claims)}`;
  const signature = sign(hashes[algorithm], Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}

/** What the token claims, before anyone has vouched for it; undefined when it cannot be read. */
export function claimsOf(token: string): Record<string, unknown> | undefined {
  const parts = token.split('.');
  return parts.length === 3 && parts[2] !== '' ? decode(parts[1]!) : undefined;
}

/** Whether one of the keys has signed the token. A token may name its key; else all are tried. */
export function isSigned(token: string, keys: readonly JwtKey[]): boolean {
  const [head = '', body = '', tail = '', extra] = token.split('.');
  const header = decode(head);
  if (!header || tail === '' || extra !== undefined) return false;
  const { alg, kid } = header;
  const fitting = keys.filter(({ algorithm }) => algorithm === alg);
  const named = fitting.filter(({ id }) => id === kid);
  const text = Buffer.from(`${head}.${body}`);
  const signature = Buffer.from(tail, 'base64url');
  return (named.length > 0 ? named : fitting).some(({ algorithm, publicKey: key }) =>
    verify(hashes[algorithm], text, { key, dsaEncoding: 'ieee-p1363' }, signature),
  );
}

function decode(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
