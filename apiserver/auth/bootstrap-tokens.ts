/** Bootstrap tokens, `<id>.<secret>`: Secrets in kube-system by which a machine may join, as upstream's `plugin/pkg/auth/authenticator/token/bootstrap`. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Secret } from '#lib/kinds/gen/core-v1.ts';
import type { Env } from '#lib/env/env.ts';
import { secret as secretKind } from '#lib/kinds/secret.ts';
import type { Lookup } from '../admission/types.ts';
import type { TokenReader } from './authenticate.ts';

const type = 'bootstrap.kubernetes.io/token';
const groupGrammar = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

/** Reads the tokens that the Secrets hold now. */
export function makeBootstrapTokenReader(look: Lookup, env: Env): TokenReader {
  return async (token) => {
    const [, id, given] = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(token) ?? [];
    if (id === undefined || given === undefined) return undefined;
    const secret = look.get(secretKind, { namespace: 'kube-system', name: `bootstrap-token-${id}` });
    if (!secret || !isGood(secret, id, given, env.now())) return undefined;
    const groups = groupsOf(secret);
    if (!groups) {
      env.log.warn('Cannot use a bootstrap token: auth-extra-groups has a group that is no system:bootstrappers:*', {
        secret: secret.metadata.name,
      });
      return undefined;
    }
    return { name: `system:bootstrap:${id}`, groups };
  };
}

function isGood(secret: Secret, id: string, given: string, nowMs: number): boolean {
  if (secret.type !== type || secret.metadata.deletionTimestamp !== undefined) return false;
  if (textOf(secret, 'token-id') !== id || !isSame(textOf(secret, 'token-secret'), given)) return false;
  const expiration = textOf(secret, 'expiration');
  // What cannot be read as a time counts as over.
  if (expiration !== '' && !(Date.parse(expiration) > nowMs)) return false;
  return textOf(secret, 'usage-bootstrap-authentication') === 'true';
}

/** The groups of the token; undefined when it asks for some that it must not have. */
function groupsOf(secret: Secret): string[] | undefined {
  const extra = textOf(secret, 'auth-extra-groups').split(',').filter(Boolean);
  if (!extra.every((group) => groupGrammar.test(group))) return undefined;
  return [...new Set(['system:bootstrappers', ...extra])];
}

function textOf(secret: Secret, key: string): string {
  return Buffer.from(secret.data?.[key] ?? '', 'base64').toString();
}

/** Digests have one length, so that comparing them tells nothing of the secret. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
