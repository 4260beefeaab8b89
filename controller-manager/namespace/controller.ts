/** Wires decide() to namespaces that are being deleted. */
import type { Client, View } from '#lib/client/types.ts';
import { watch, watchAll } from '#lib/control/reconcile.ts';
import type { Controller } from '#lib/control/reconcile.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { Namespace } from '#lib/kinds/gen/core-v1.ts';
import { namespace } from '#lib/kinds/namespace.ts';
import type { Resource } from '#lib/meta/object.ts';
import { decide, failed } from './decide.ts';
import type { Content, Seen } from './decide.ts';

/**
 * Makes the controller over all kinds of the view; `unviewed` are those that can only be listed (Events, as there are many and nobody else needs
 * them).
 */
export function makeNamespaceController(unviewed: readonly Kind[]): Controller<Seen> {
  return {
    name: 'namespace-controller',
    workers: 10,
    watches: [
      watch(namespace, ({ metadata }) => (metadata.deletionTimestamp === undefined ? [] : [metadata.name])),
      watchAll(goingNamespaceOf),
    ],
    async see(key, { view, client, now }) {
      const object = view.get(namespace, { namespace: '', name: key });
      if (!object || object.metadata.deletionTimestamp === undefined) return undefined;
      return { namespace: object, contents: await contentsOf(object, view, client), now };
    },
    decide,
    failed,
  };

  async function contentsOf({ metadata: { name } }: Namespace, view: View, client: Client): Promise<Content[]> {
    const viewed = view.kinds.filter(({ namespaced }) => namespaced);
    const seen = viewed.map((kind) => ({ kind, objects: view.list(kind, name) }));
    const others = await list(unviewed, name, client);
    const contents = [...seen, ...others].filter(({ objects }) => objects.length > 0);
    // What was created in the very moment of deletion may not be in the view yet: only the server can say that nothing is left.
    return contents.length > 0 ? contents : list(viewed, name, client);
  }
}

async function list(kinds: readonly Kind[], namespace: string, client: Client): Promise<Content[]> {
  const contents = await Promise.all(
    kinds.map(async (kind) => ({ kind, objects: (await client.list(kind, { namespace })).items })),
  );
  return contents.filter(({ objects }) => objects.length > 0);
}

function goingNamespaceOf({ metadata }: Resource, view: View): string[] {
  const name = metadata.namespace ?? '';
  if (name === '') return [];
  const going = view.get(namespace, { namespace: '', name })?.metadata.deletionTimestamp !== undefined;
  return going ? [name] : [];
}
