/** Wires decide() to ResourceQuotas. */
import type { View } from '#lib/client/types.ts';
import { watch, watchAll } from '#lib/control/reconcile.ts';
import type { Controller } from '#lib/control/reconcile.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { usageOf } from '#lib/kinds/quota-usage.ts';
import { resourceQuota } from '#lib/kinds/resource-quota.ts';
import { equal } from '#lib/meta/equal.ts';
import { keyOf, refOf } from '#lib/meta/object.ts';
import type { Resource } from '#lib/meta/object.ts';
import { decide } from './decide.ts';
import type { Seen } from './decide.ts';
import { makeRest } from './rest.ts';

/** Makes the controller over all namespaced kinds of the view, all of which can be counted. */
export function makeResourceQuotaController(): Controller<Seen> {
  const rest = makeRest();
  return {
    name: 'resourcequota-controller',
    watches: [
      watch(resourceQuota, ({ metadata }) => [keyOf(metadata)]),
      watchAll(
        ({ metadata }, view) => (metadata.namespace ? quotasOf(metadata.namespace, view) : []),
        ({ kind, before, object }) => !before || !object || usageText(kind, before) !== usageText(kind, object),
      ),
    ],
    see(key, { view, now }) {
      const ref = refOf(key);
      const quota = view.get(resourceQuota, ref);
      if (!quota) {
        rest.forget(key);
        return undefined;
      }
      const isNew = !equal(quota.status?.hard ?? {}, quota.spec?.hard ?? {});
      const restMs = isNew ? 0 : rest.restMs(key, quota.metadata.resourceVersion, now);
      if (restMs > 0) return { quota, contents: [], restMs };
      const kinds = view.kinds.filter(({ namespaced }) => namespaced);
      return { quota, contents: kinds.map((kind) => ({ kind, objects: view.list(kind, ref.namespace) })), restMs };
    },
    decide,
  };
}

function quotasOf(namespace: string | undefined, view: View): string[] {
  return view.list(resourceQuota, namespace).map(({ metadata }) => keyOf(metadata));
}

/** Most changes of an object change nothing of what it takes up. */
function usageText(kind: Kind, object: Resource): string {
  return [...usageOf(kind, object)].join();
}
