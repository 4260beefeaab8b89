/** Whether a token of the old sort, which lies in a Secret, is good: as long as its Secret holds it and its account lives. */
import type { Secret } from '#lib/kinds/gen/core-v1.ts';
import { secret as secretKind } from '#lib/kinds/secret.ts';
import { serviceAccount as accountKind } from '#lib/kinds/service-account.ts';
import { readLegacyClaims } from '#lib/pki/legacy-tokens.ts';
import type { Ref } from '#lib/meta/object.ts';
import type { Lookup } from '../admission/types.ts';
import type { Caller } from '../verbs/types.ts';
import { accountCaller } from './account-caller.ts';

/** The label by which somebody has said that a token is not to be believed any more. */
const invalidSince = 'kubernetes.io/legacy-token-invalid-since';

/** `claims` are those of `token`, whose signature was found good. */
export function judgeLegacy(
  token: string,
  claims: Readonly<Record<string, unknown>>,
  look: Lookup,
): { caller: Caller; secret: Ref } | { refusedBecause: string } {
  const legacy = readLegacyClaims(claims);
  if (!legacy) return { refusedBecause: 'sub claim is invalid' };
  const { namespace, account, secretName } = legacy;
  const secret = look.get(secretKind, { namespace, name: secretName });
  if (!secret || secret.metadata.deletionTimestamp !== undefined) {
    return { refusedBecause: 'service account token has been invalidated' };
  }
  if (tokenIn(secret) !== token) return { refusedBecause: "service account token does not match server's copy" };
  const present = look.get(accountKind, { namespace, name: account.name });
  if (!present || present.metadata.deletionTimestamp !== undefined) {
    return { refusedBecause: `service account ${namespace}/${account.name} has been deleted` };
  }
  if (present.metadata.uid !== account.uid) {
    return {
      refusedBecause: `service account UID (${present.metadata.uid}) does not match claim (${account.uid})`,
    };
  }
  if (secret.metadata.labels?.[invalidSince]) {
    return {
      refusedBecause: `the token in secret ${namespace}/${secretName} for service account ${namespace}/${account.name} has been marked invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the '${invalidSince}' label from the secret to temporarily allow use of this token`,
    };
  }
  return { caller: accountCaller(namespace, account), secret: { namespace, name: secretName } };
}

function tokenIn({ data }: Secret): string {
  return Buffer.from(data?.['token'] ?? '', 'base64').toString();
}
