/** Pods bear a node that is not ready or unreachable for five minutes, unless they say otherwise. */
import type { Pod, Toleration } from '#lib/kinds/gen/core-v1.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import type { AdmissionPlugin, AdmissionRequest } from './types.ts';

const tolerationSeconds = 300;
const conditions = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

export const defaultTolerations: AdmissionPlugin = { name: 'DefaultTolerationSeconds', admit };

function admit({ operation, kind, subresource, object }: AdmissionRequest): void {
  if (kind !== podKind || subresource !== '' || operation === 'DELETE') return;
  const { spec } = object as Pod;
  const bears = (key: string) =>
    (spec.tolerations ?? []).some(
      (item: Toleration) => (item.key === key || !item.key) && (item.effect === 'NoExecute' || !item.effect),
    );
  const missing = conditions.filter((key) => !bears(key));
  if (missing.length === 0) return;
  spec.tolerations = [
    ...(spec.tolerations ?? []),
    ...missing.map((key): Toleration => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds })),
  ];
}
