/** Notes on which day tokens that lie in Secrets were last used, as upstream's: so that whoever cleans up knows which nobody needs. */
import { configMap } from '#lib/kinds/config-map.ts';
import { secret as secretKind } from '#lib/kinds/secret.ts';
import type { Env } from '#lib/env/env.ts';
import type { Ref } from '#lib/meta/object.ts';
import { formatTime } from '#lib/meta/time.ts';
import type { Lookup } from '../admission/types.ts';
import type { Verbs } from '../verbs/types.ts';
import { ourselves } from './ourselves.ts';
import { ensure } from '../ensure.ts';

const lastUsed = 'kubernetes.io/legacy-token-last-used';
const trackingMap = 'kube-apiserver-legacy-service-account-token-tracking';
/** Labels being written; of more at one time, some are written by a later use. */
const mostUnderWay = 50;

/** Says since when uses are noted. */
export async function announceTracking(verbs: Verbs, look: Lookup, env: Env): Promise<void> {
  const since = dayOf(env.now());
  await ensure(verbs, look, configMap, 'kube-system', { metadata: { name: trackingMap }, data: { since } });
}

/** Makes what is told of each use, and labels the Secret once a day. */
export function makeLegacyUse(verbs: Verbs, look: Lookup, env: Env): (secret: Ref) => void {
  const underWay = new Set<string>();
  return ({ namespace, name }) => {
    const today = dayOf(env.now());
    const key = `${namespace}/${name}`;
    const labels = look.get(secretKind, { namespace, name })?.metadata.labels;
    if (labels?.[lastUsed] === today || underWay.has(key) || underWay.size >= mostUnderWay) return;
    underWay.add(key);
    verbs
      .patch(ourselves, secretKind, { namespace, name }, 'application/merge-patch+json', {
        metadata: { labels: { [lastUsed]: today } },
      })
      .catch((error: unknown) => env.log.debug('Cannot note the use of a token', { secret: key, error }))
      .finally(() => underWay.delete(key));
  };
}

function dayOf(ms: number): string {
  return formatTime(ms).slice(0, 10);
}
