/** Whether a DaemonSet's pod belongs on a node. */
import type { Node, NodeSelectorRequirement, PodSpec, Toleration } from '#lib/kinds/gen/core-v1.ts';
import { matches } from '#lib/meta/selectors.ts';
import { tolerates } from '../tolerations.ts';

export interface Fit {
  /** Whether the node should have a pod. */
  start: boolean;
  /** Whether a pod that is there may stay. */
  stay: boolean;
}

/** The troubles of a node that its daemons work through. */
const everyDaemon: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
];
const hostNetworkDaemon: Toleration = {
  key: 'node.kubernetes.io/network-unavailable',
  operator: 'Exists',
  effect: 'NoSchedule',
};

/** The template's tolerations and those of every daemon. */
export function daemonTolerations({ tolerations = [], hostNetwork }: PodSpec): Toleration[] {
  const added = hostNetwork ? [...everyDaemon, hostNetworkDaemon] : everyDaemon;
  const missing = added.filter(
    ({ key, effect }) =>
      !tolerations.some((own) => own.key === key && own.effect === effect && own.operator === 'Exists'),
  );
  return [...tolerations, ...missing];
}

export function fitOf(spec: PodSpec, node: Node): Fit {
  if (spec.nodeName && spec.nodeName !== node.metadata.name) return { start: false, stay: false };
  if (!suits(spec, node)) return { start: false, stay: false };
  const tolerations = daemonTolerations(spec);
  const repelling = (node.spec.taints ?? []).filter(
    (taint) => taint.effect !== 'PreferNoSchedule' && !tolerations.some((toleration) => tolerates(toleration, taint)),
  );
  return { start: repelling.length === 0, stay: repelling.every(({ effect }) => effect !== 'NoExecute') };
}

/** nodeSelector and required node affinity. */
function suits({ nodeSelector = {}, affinity }: PodSpec, { metadata }: Node): boolean {
  if (!Object.entries(nodeSelector).every(([key, value]) => metadata.labels?.[key] === value)) return false;
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (!required) return true;
  const fields = { 'metadata.name': metadata.name };
  return required.nodeSelectorTerms.some(({ matchExpressions = [], matchFields = [] }) => {
    if (matchExpressions.length + matchFields.length === 0) return false;
    return fulfils(matchExpressions, metadata.labels) && fulfils(matchFields, fields);
  });
}

function fulfils(
  requirements: readonly NodeSelectorRequirement[],
  labels: Record<string, string> | undefined,
): boolean {
  const selector = requirements.map(({ key, operator, values = [] }) => ({
    key,
    operator: operator,
    values,
  }));
  return matches(selector, labels);
}
