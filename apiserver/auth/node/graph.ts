/** Which objects the pods of each node need. Kept up with the pods, so that a question is two lookups. */
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { referencesOf } from './references.ts';
import type { Referenced } from './references.ts';

const claimPlural: Referenced = 'persistentvolumeclaims';

export interface NodeGraph {
  /** Takes in a pod's change: how it was, and how it is; undefined when there was or is none. */
  change(before: Pod | undefined, after: Pod | undefined): void;
  /** Whether a pod of the node names the object. */
  needs(node: string, plural: string, namespace: string, name: string): boolean;
  /** The claims that the node's pods name. */
  claimsOf(node: string): { namespace: string; name: string }[];
  clear(): void;
}

export function makeNodeGraph(): NodeGraph {
  /** Node -> `namespace/plural/name` -> how many pods name it. */
  const nodes = new Map<string, Map<string, number>>();

  const count = (pod: Pod, step: 1 | -1) => {
    const { nodeName } = pod.spec;
    if (!nodeName || isMirror(pod)) return;
    const held = nodes.get(nodeName) ?? new Map<string, number>();
    for (const reference of referencesOf(pod)) {
      const key = `${pod.metadata.namespace}/${reference}`;
      const total = (held.get(key) ?? 0) + step;
      if (total > 0) held.set(key, total);
      else held.delete(key);
    }
    if (held.size > 0) nodes.set(nodeName, held);
    else nodes.delete(nodeName);
  };

  return {
    change(before, after) {
      if (before && after && namesTheSame(before, after)) return;
      if (before) count(before, -1);
      if (after) count(after, 1);
    },
    needs: (node, plural, namespace, name) => nodes.get(node)?.has(`${namespace}/${plural}/${name}`) ?? false,
    claimsOf(node) {
      const references = [...(nodes.get(node)?.keys() ?? [])].map((key) => key.split('/'));
      return references.flatMap(([namespace = '', plural, name = '']) =>
        plural === claimPlural ? [{ namespace, name }] : [],
      );
    },
    clear: () => nodes.clear(),
  };
}

/** The image of a pod that a node runs of its own accord: a node makes it, and must not thereby open anything to itself. */
function isMirror({ metadata }: Pod): boolean {
  return metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined;
}

/** Of what a pod names, only its node and its ephemeral containers may ever change. */
function namesTheSame(before: Pod, after: Pod): boolean {
  return (
    before.metadata.uid === after.metadata.uid &&
    before.spec.nodeName === after.spec.nodeName &&
    (before.spec.ephemeralContainers?.length ?? 0) === (after.spec.ephemeralContainers?.length ?? 0)
  );
}
