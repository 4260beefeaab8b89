/** Warnings of labels of nodes that have better names by now. */
import type { LabelSelector } from '#lib/meta/selectors.ts';

const deprecated: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region': 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone': 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type': 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
  'app.kubernetes.io/created-by': 'deprecated since v1.9',
  'scheduler.alpha.kubernetes.io/preferAvoidPods': 'deprecated since v1.22; use Taints and Tolerations instead',
  'node-role.kubernetes.io/master': 'use "node-role.kubernetes.io/control-plane" instead',
};

/** What to say of a label; undefined for a good one. */
export function labelWarning(key: string): string | undefined {
  return Object.hasOwn(deprecated, key) ? deprecated[key] : undefined;
}

/** Warnings of a term of a node selector. */
export function termWarnings(
  path: string,
  { matchExpressions }: { matchExpressions?: readonly { key: string }[] | undefined },
): string[] {
  return (matchExpressions ?? []).flatMap(({ key }, i) => {
    const warning = labelWarning(key);
    return warning ? [`${path}.matchExpressions[${i}].key: ${key} is ${warning}`] : [];
  });
}

/** Warnings of a map of labels that must be there. */
export function mapWarnings(
  pathOf: (key: string) => string,
  labels: Readonly<Record<string, string>> | undefined,
): string[] {
  return Object.keys(labels ?? {}).flatMap((key) => {
    const warning = labelWarning(key);
    return warning ? [`${pathOf(key)}: ${warning}`] : [];
  });
}

/** Warnings of a selector of nodes by their labels. */
export function selectorWarnings(path: string, selector: LabelSelector | undefined): string[] {
  return [
    ...termWarnings(path, selector ?? {}),
    ...mapWarnings((key) => `${path}.matchLabels.${key}`, selector?.matchLabels),
  ];
}
