/** Tokens of service accounts that lie in Secrets of type `kubernetes.io/service-account-token` and never expire, as upstream's `pkg/serviceaccount/legacy.go`. */
import { signJwt } from './jwt.ts';
import type { JwtSigner } from './jwt.ts';

export const legacyIssuer = 'kubernetes/serviceaccount';

const prefix = 'kubernetes.io/serviceaccount';

/** Whose token it is, and which Secret holds it. */
export interface LegacyToken {
  namespace: string;
  account: { name: string; uid: string };
  secretName: string;
}

/** The same token for the same Secret each time, where the key's signatures do not vary. */
export function makeLegacyToken({ namespace, account, secretName }: LegacyToken, signer: JwtSigner): string {
  const claims = {
    iss: legacyIssuer,
    [`${prefix}/namespace`]: namespace,
    [`${prefix}/secret.name`]: secretName,
    [`${prefix}/service-account.name`]: account.name,
    [`${prefix}/service-account.uid`]: account.uid,
    sub: `system:serviceaccount:${namespace}:${account.name}`,
  };
  return signJwt(claims, signer);
}

/** What such a token claims; undefined when something of it is missing or does not fit. */
export function readLegacyClaims(claims: Readonly<Record<string, unknown>>): LegacyToken | undefined {
  const [namespace, secretName, name, uid] = [
    'namespace',
    'secret.name',
    'service-account.name',
    'service-account.uid',
  ].map((key) => claims[`${prefix}/${key}`]);
  const texts = [namespace, secretName, name, uid];
  if (!texts.every((text): text is string => typeof text === 'string' && text !== '')) return undefined;
  if (claims['sub'] !== `system:serviceaccount:${String(namespace)}:${String(name)}`) return undefined;
  return {
    namespace: String(namespace),
    account: { name: String(name), uid: String(uid) },
    secretName: String(secretName),
  };
}
