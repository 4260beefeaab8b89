/** Tokens of service accounts: signed by the cluster's key, bound to an audience, a time, and maybe a pod. */
import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { node as nodeKind } from '#lib/kinds/node.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { secret as secretKind } from '#lib/kinds/secret.ts';
import { serviceAccount as accountKind } from '#lib/kinds/service-account.ts';
import type { Env } from '#lib/env/env.ts';
import type { Resource } from '#lib/meta/object.ts';
import type { Lookup } from '../admission/types.ts';
import type { Caller } from '../verbs/types.ts';

/** What a token is bound to besides its account: it ends with it. */
export interface BoundObject {
  kind: 'Pod' | 'Secret' | 'Node';
  name: string;
  uid: string;
}

export interface TokenRequest {
  namespace: string;
  account: { name: string; uid: string };
  audiences: readonly string[];
  lifeSeconds: number;
  bound?: BoundObject;
  /** The node of the bound pod. */
  node?: { name: string; uid: string | undefined };
}

export interface IssuedToken {
  token: string;
  /** Milliseconds since the epoch. */
  expiresMs: number;
}

export interface ServiceAccountTokens {
  readonly issuer: string;
  /** The audience that tokens for this API carry. */
  readonly audience: string;
  /** The public key as a JSON Web Key Set. */
  readonly keySet: object;
  /** The signature algorithm by its JWA name. */
  readonly algorithm: 'ES256' | 'RS256';
  issue(request: TokenRequest): IssuedToken;
  /** Whom the token stands for and which of `audiences` it is good for; undefined when it is not valid now. */
  read(token: string, audiences?: readonly string[]): { caller: Caller; audiences: string[] } | undefined;
}

interface Claims {
  iss: string;
  sub: string;
  aud: string[];
  exp: number;
  iat: number;
  nbf: number;
  jti: string;
  'kubernetes.io': {
    namespace: string;
    serviceaccount: { name: string; uid: string };
    pod?: { name: string; uid: string };
    secret?: { name: string; uid: string };
    node?: { name: string; uid?: string };
  };
}

/** Signatures found good are remembered by digest; the rest of a token is judged anew each time. */
const verifiedLimit = 2000;

/** A pod under deletion may still use its token this long. */
const deletedGraceMs = 60_000;

/** `keyPem` is the private key, of an elliptic curve (P-256) or RSA. `look` must see the latest state. */
export function makeServiceAccountTokens(
  { keyPem, issuer }: { keyPem: string; issuer: string },
  look: Lookup,
  env: Env,
): ServiceAccountTokens {
  const privateKey = createPrivateKey(keyPem);
  const publicKey = createPublicKey(privateKey);
  const algorithm = privateKey.asymmetricKeyType === 'ec' ? 'ES256' : 'RS256';
  const keyId = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
  const header = encode({ alg: algorithm, kid: keyId });
  const verified = new Map<string, Claims>();

  const claimsOf = (token: string): Claims | undefined => {
    const digest = createHash('sha256').update(token).digest('base64');
    const known = verified.get(digest);
    if (known) return known;
    const claims = verifiedClaims(token, publicKey, algorithm);
    if (!claims) return undefined;
    if (verified.size >= verifiedLimit) verified.delete(verified.keys().next().value!);
    verified.set(digest, claims);
    return claims;
  };

  return {
    issuer,
    audience: issuer,
    algorithm,
    keySet: { keys: [{ use: 'sig', kid: keyId, alg: algorithm, ...publicKey.export({ format: 'jwk' }) }] },

    issue({ namespace, account, audiences, lifeSeconds, bound, node }) {
      const nowSeconds = Math.floor(env.now() / 1000);
      const claims: Claims = {
        aud: [...audiences],
        exp: nowSeconds + lifeSeconds,
        iat: nowSeconds,
        iss: issuer,
        jti: env.uuid(),
        'kubernetes.io': {
          namespace,
          ...(node && { node: { name: node.name, ...(node.uid !== undefined && { uid: node.uid }) } }),
          ...(bound && { [bound.kind.toLowerCase()]: { name: bound.name, uid: bound.uid } }),
          serviceaccount: account,
        },
        nbf: nowSeconds,
        sub: `system:serviceaccount:${namespace}:${account.name}`,
      };
      const text = `${header}.${encode(claims)}`;
      return { token: `${text}.${signature(text, privateKey).toString('base64url')}`, expiresMs: claims.exp * 1000 };
    },

    read(token, audiences = [issuer]) {
      const claims = claimsOf(token);
      const nowSeconds = env.now() / 1000;
      if (!claims || claims.iss !== issuer || claims.exp < nowSeconds || claims.nbf > nowSeconds + 60) return undefined;
      const good = claims.aud.filter((audience) => audiences.includes(audience));
      if (good.length === 0 || !isAlive(claims, look, env.now())) return undefined;
      return { caller: callerOf(claims), audiences: good };
    },
  };
}

function verifiedClaims(token: string, key: KeyObject, algorithm: string): Claims | undefined {
  const [head = '', body = '', tail = '', extra] = token.split('.');
  if (tail === '' || extra !== undefined) return undefined;
  try {
    const { alg } = JSON.parse(Buffer.from(head, 'base64url').toString()) as { alg?: string };
    if (alg !== algorithm) return undefined;
    const good = verify(
      'sha256',
      Buffer.from(`${head}.${body}`),
      { key, dsaEncoding: 'ieee-p1363' },
      Buffer.from(tail, 'base64url'),
    );
    return good ? (JSON.parse(Buffer.from(body, 'base64url').toString()) as Claims) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function signature(text: string, key: KeyObject): Buffer {
  return sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
}

/** Whether the account, and what the token is bound to, are still the ones it was made for. */
function isAlive(claims: Claims, look: Lookup, nowMs: number): boolean {
  const { namespace, serviceaccount, pod, secret, node } = claims['kubernetes.io'];
  const account = look.get(accountKind, { namespace, name: serviceaccount.name });
  if (!isSame(account, serviceaccount, nowMs)) return false;
  if (pod && !isSame(look.get(podKind, { namespace, name: pod.name }), pod, nowMs)) return false;
  if (secret && !isSame(look.get(secretKind, { namespace, name: secret.name }), secret, nowMs)) return false;
  // A pod's token names its node as information; only a token bound to the node itself ends with it.
  return pod || !node ? true : isSame(look.get(nodeKind, { namespace: '', name: node.name }), node, nowMs);
}

function isSame(object: Resource | undefined, wanted: { uid?: string }, nowMs: number): boolean {
  if (!object || object.metadata.uid !== wanted.uid) return false;
  const { deletionTimestamp } = object.metadata;
  return deletionTimestamp === undefined || Date.parse(deletionTimestamp) + deletedGraceMs > nowMs;
}

function callerOf(claims: Claims): Caller {
  const { namespace, serviceaccount, pod, node } = claims['kubernetes.io'];
  const extra: Record<string, string[]> = { 'authentication.kubernetes.io/credential-id': [`JTI=${claims.jti}`] };
  if (node) {
    extra['authentication.kubernetes.io/node-name'] = [node.name];
    if (node.uid !== undefined) extra['authentication.kubernetes.io/node-uid'] = [node.uid];
  }
  if (pod) {
    extra['authentication.kubernetes.io/pod-name'] = [pod.name];
    extra['authentication.kubernetes.io/pod-uid'] = [pod.uid];
  }
  return {
    name: `system:serviceaccount:${namespace}:${serviceaccount.name}`,
    uid: serviceaccount.uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
    extra,
  };
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
