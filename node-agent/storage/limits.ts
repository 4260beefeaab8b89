/** Whether a pod has more on the disk than it may: upstream's local storage eviction. Pure. */
import type { Container, Pod } from '#lib/kinds/gen/core-v1.ts';
import { podLimits } from '#lib/kinds/pod-spec/resources.ts';
import { canonicalQuantity, formatQuantity, unitsOf } from '#lib/meta/quantities.ts';
import type { StorageUse } from './folders.ts';

const resource = 'ephemeral-storage';

/** Whether anything of the pod is limited at all. */
export function hasStorageLimits({ spec }: Pod): boolean {
  return podLimits(spec).has(resource) || (spec.volumes ?? []).some(({ emptyDir }) => sizeLimitOf(emptyDir) > 0);
}

/** The first limit that is exceeded, in upstream's sentence: of a volume, of the pod, of a container. */
export function exceededLimit(pod: Pod, use: StorageUse): string | undefined {
  for (const { name, emptyDir } of pod.spec.volumes ?? []) {
    const limit = sizeLimitOf(emptyDir);
    if (limit > 0 && (use.volumes.get(name) ?? 0) > limit) {
      return `Usage of EmptyDir volume "${name}" exceeds the limit "${canonicalQuantity(emptyDir!.sizeLimit!)}". `;
    }
  }
  const ofPod = podLimits(pod.spec).get(resource);
  if (ofPod !== undefined && BigInt(use.total) * 1_000_000_000n > ofPod) {
    const text = formatQuantity(ofPod, styleOf(pod));
    return `Pod ephemeral local storage usage exceeds the total limit of containers ${text}. `;
  }
  for (const container of pod.spec.containers) {
    const limit = limitOf(container);
    if (limit === undefined || unitsOf(limit) === 0) continue;
    if ((use.containers.get(container.name) ?? 0) > unitsOf(limit)) {
      const text = canonicalQuantity(limit);
      return `Container ${container.name} exceeded its local ephemeral storage limit "${text}". `;
    }
  }
  return undefined;
}

type EmptyDir = NonNullable<Pod['spec']['volumes']>[number]['emptyDir'];

/** 0 for none. Volumes in memory are held to their limits by the kernel. */
function sizeLimitOf(emptyDir: EmptyDir): number {
  if (emptyDir?.sizeLimit === undefined || emptyDir.medium === 'Memory') return 0;
  return unitsOf(emptyDir.sizeLimit);
}

function limitOf({ resources }: Container): string | number | undefined {
  return resources?.limits?.[resource];
}

/** A sum is written as its first part is. */
function styleOf({ spec }: Pod): 'binary' | 'decimal' {
  const first = [...spec.containers, ...(spec.initContainers ?? [])].map(limitOf).find((limit) => limit !== undefined);
  return /[KMGTPE]i$/.test(String(first)) ? 'binary' : 'decimal';
}
