/** Tokens of service accounts: signed by the cluster's key, bound to an audience, a time, and maybe a pod. */
import { createHash } from 'node:crypto';
import { node as nodeKind } from '#lib/kinds/node.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { secret as secretKind } from '#lib/kinds/secret.ts';
import { serviceAccount as accountKind } from '#lib/kinds/service-account.ts';
import type { Env } from '#lib/env/env.ts';
import type { Ref, Resource } from '#lib/meta/object.ts';
import { claimsOf, isSigned, jsonWebKey, signJwt } from '#lib/pki/jwt.ts';
import type { JwtAlgorithm, JwtKey, JwtSigner } from '#lib/pki/jwt.ts';
import { legacyIssuer } from '#lib/pki/legacy-tokens.ts';
import { goQuote } from '#lib/meta/go-text.ts';
import type { Lookup } from '../admission/types.ts';
import type { Caller } from '../verbs/types.ts';
import { accountCaller } from './account-caller.ts';
import { credentialIdKey } from './certificate-caller.ts';
import { judgeLegacy } from './legacy-tokens.ts';

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
  /** After this the token should have been replaced, though it is still good: upstream's grace for programs that read their token only once. */
  warnAfterSeconds?: number;
  bound?: BoundObject;
  /** The node of the bound pod. */
  node?: { name: string; uid: string | undefined };
}

/** The keys of the moment: one signs, all of them are believed. */
export interface TokenKeys {
  signer: JwtSigner;
  /** With that of `signer`. */
  keys: readonly JwtKey[];
}

export interface TokenOptions {
  /** Asked each time, so that keys may change; a new value each time they do. */
  keys(): TokenKeys;
  /** The first signs; tokens of all of them are believed. */
  issuers: readonly string[];
  /** Audiences that tokens for this API carry; the issuers when absent. */
  audiences?: readonly string[] | undefined;
  /** Hears of each use of a token that lies in a Secret. */
  onLegacyUse?: (secret: Ref) => void;
}

/** Whose token it is and what for, or why it is good for nobody. */
export type Verdict = { caller: Caller; audiences: string[] } | { refusedBecause: string };

export interface ServiceAccountTokens {
  readonly issuer: string;
  /** The audiences that tokens for this API carry. */
  readonly audiences: readonly string[];
  /** The public keys as a JSON Web Key Set. */
  keySet(): object;
  /** The signature algorithms by their JWA names. */
  algorithms(): JwtAlgorithm[];
  /** The token, which outlives what it is bound to by no more than a minute. */
  issue(request: TokenRequest): string;
  /** Undefined for what is no token of ours. */
  judge(token: string, audiences?: readonly string[]): Verdict | undefined;
  /** Whom the token stands for at this API; undefined when it is not valid now. */
  read(token: string): Caller | undefined;
}

type RawClaims = Readonly<Record<string, unknown>>;

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
    warnafter?: number;
  };
}

/** Signatures found good are remembered by digest; the rest of a token is judged anew each time. */
const verifiedLimit = 2000;

/** A pod under deletion may still use its token this long. */
const deletedGraceMs = 60_000;

const invalidated = { refusedBecause: 'service account token has been invalidated' };

/** `look` must see the latest state. */
export function makeServiceAccountTokens(
  { keys, issuers, audiences = issuers, onLegacyUse }: TokenOptions,
  look: Lookup,
  env: Env,
): ServiceAccountTokens {
  const issuer = issuers[0]!;
  /** By digest. */
  let verified = new Map<string, RawClaims>();
  let verifiedBy: TokenKeys | undefined;

  /** What the token claims and one of the keys vouches for; 'forged' when none does, undefined for what is no token of ours. */
  const vouched = (token: string): RawClaims | 'forged' | undefined => {
    const now = keys();
    if (now !== verifiedBy) verified = new Map();
    verifiedBy = now;
    const digest = createHash('sha256').update(token).digest('base64');
    const known = verified.get(digest);
    if (known) return known;
    const claims = claimsOf(token);
    if (!claims || !issuers.concat(legacyIssuer).includes(claims['iss'] as string)) return undefined;
    if (!isSigned(token, now.keys)) return 'forged';
    if (verified.size >= verifiedLimit) verified.delete(verified.keys().next().value!);
    verified.set(digest, claims);
    return claims;
  };

  const judge = (token: string, wanted = audiences): Verdict | undefined => {
    const claims = vouched(token);
    if (claims === undefined) return undefined;
    if (claims === 'forged') return { refusedBecause: 'go-jose/go-jose: error in cryptographic primitive' };
    if (claims['iss'] !== legacyIssuer) return judgeBound(claims, wanted, look, env.now());
    const good = wanted.filter((audience) => audiences.includes(audience));
    // They are for this API alone.
    if (good.length === 0) return audienceFault(audiences, wanted);
    const verdict = judgeLegacy(token, claims, look);
    if (!('caller' in verdict)) return verdict;
    onLegacyUse?.(verdict.secret);
    return { caller: verdict.caller, audiences: good };
  };

  return {
    issuer,
    audiences,
    algorithms: () => [...new Set(keys().keys.map(({ algorithm }) => algorithm))],
    keySet: () => ({ keys: keys().keys.map(jsonWebKey) }),
    judge,
    read(token) {
      const verdict = judge(token);
      return verdict && 'caller' in verdict ? verdict.caller : undefined;
    },

    issue({ namespace, account, audiences: aud, lifeSeconds, warnAfterSeconds, bound, node }) {
      const nowSeconds = Math.floor(env.now() / 1000);
      const claims: Claims = {
        aud: [...aud],
        exp: nowSeconds + lifeSeconds,
        iat: nowSeconds,
        iss: issuer,
        jti: env.uuid(),
        'kubernetes.io': {
          namespace,
          ...(node && { node: { name: node.name, ...(node.uid !== undefined && { uid: node.uid }) } }),
          ...(bound && { [bound.kind.toLowerCase()]: { name: bound.name, uid: bound.uid } }),
          serviceaccount: account,
          ...(warnAfterSeconds !== undefined && { warnafter: nowSeconds + warnAfterSeconds }),
        },
        nbf: nowSeconds,
        sub: `system:serviceaccount:${namespace}:${account.name}`,
      };
      return signJwt(claims, keys().signer);
    },
  };
}

function audienceFault(own: readonly string[], wanted: readonly string[]): Verdict {
  const quoted = (list: readonly string[]) => `[${list.map((item) => goQuote(item)).join(' ')}]`;
  return { refusedBecause: `token audiences ${quoted(own)} is invalid for the target audiences ${quoted(wanted)}` };
}

function judgeBound(raw: RawClaims, wanted: readonly string[], look: Lookup, nowMs: number): Verdict {
  const claims = readClaims(raw);
  if (!claims)
    return { refusedBecause: 'service account token claims could not be validated due to unexpected private claim' };
  const good = claims.aud.filter((audience) => wanted.includes(audience));
  if (good.length === 0) return audienceFault(claims.aud, wanted);
  if (claims.exp < nowMs / 1000) return { refusedBecause: 'service account token has expired' };
  if (claims.nbf > nowMs / 1000 + 60) return { refusedBecause: 'service account token is not valid yet' };
  return isAlive(claims, look, nowMs) ? { caller: callerOf(claims), audiences: good } : invalidated;
}

/** The claims in the form that we give them; undefined where something is missing. One audience may stand alone (RFC 7519, 4.1.3). */
function readClaims(raw: RawClaims): Claims | undefined {
  const { aud, exp, nbf, 'kubernetes.io': own } = raw as Partial<Claims>;
  if (typeof exp !== 'number' || typeof nbf !== 'number' || !own?.namespace || !own.serviceaccount?.name)
    return undefined;
  return { ...(raw as unknown as Claims), aud: [aud ?? []].flat() };
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
  const extra: Record<string, string[]> = { [credentialIdKey]: [`JTI=${claims.jti}`] };
  if (node) {
    extra['authentication.kubernetes.io/node-name'] = [node.name];
    if (node.uid !== undefined) extra['authentication.kubernetes.io/node-uid'] = [node.uid];
  }
  if (pod) {
    extra['authentication.kubernetes.io/pod-name'] = [pod.name];
    extra['authentication.kubernetes.io/pod-uid'] = [pod.uid];
  }
  return { ...accountCaller(namespace, serviceaccount), extra };
}
