/** Service account tokens bound to pods: fetched once, kept in memory, and fetched again when 80 % of their life is over. */
import type { Client } from '#lib/client/types.ts';
import type { Env } from '#lib/env/env.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { serviceAccount } from '#lib/kinds/service-account.ts';
import { parseTime } from '#lib/meta/time.ts';
import type { TokenWish } from './payload.ts';

interface Token {
  token: string;
  /** Milliseconds since the epoch. */
  refreshAt: number;
}

export interface Tokens {
  /** The token a pod should have now. */
  get(pod: Pod, wish: TokenWish): Promise<string>;
  /** When the first of the pod's tokens should be fetched again. */
  refreshAt(uid: string): number | undefined;
  forget(uid: string): void;
}

const refreshedAfter = 0.8;
/** As upstream, no token is older than a day however long it would live. */
const oldestMs = 24 * 3600_000;

export function makeTokens(client: Client, env: Env): Tokens {
  const byPod = new Map<string, Map<string, Token>>();

  async function fetch(pod: Pod, { audience, expirationSeconds }: TokenWish): Promise<Token> {
    const { name, namespace = '', uid } = pod.metadata;
    const account = pod.spec.serviceAccountName || 'default';
    const askedAt = env.now();
    const answer = (await client.post(serviceAccount, { namespace, name: account }, 'token', {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        audiences: audience === '' ? [] : [audience],
        expirationSeconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    })) as { status?: { token?: string; expirationTimestamp?: string } };
    const token = answer.status?.token;
    if (token === undefined)
      throw new Error(`failed to fetch token: no token for service account ${namespace}/${account}`);
    const expiresAt = parseTime(answer.status?.expirationTimestamp) ?? askedAt + expirationSeconds * 1000;
    return { token, refreshAt: askedAt + Math.min((expiresAt - askedAt) * refreshedAfter, oldestMs) };
  }

  return {
    async get(pod, wish) {
      const { uid } = pod.metadata;
      const key = `${wish.audience}\n${wish.expirationSeconds}`;
      const known = byPod.get(uid)?.get(key);
      if (known && known.refreshAt > env.now()) return known.token;
      const fresh = await fetch(pod, wish);
      const tokens = byPod.get(uid) ?? new Map<string, Token>();
      byPod.set(uid, tokens.set(key, fresh));
      return fresh.token;
    },
    refreshAt(uid) {
      const times = [...(byPod.get(uid)?.values() ?? [])].map((token) => token.refreshAt);
      return times.length === 0 ? undefined : Math.min(...times);
    },
    forget: (uid) => void byPod.delete(uid),
  };
}
