/** Pods that come from the node itself, and their images in the API. Upstream's annotations tell them. */
import type { Pod } from '#lib/kinds/gen/core-v1.ts';

/** What a pod's contents are, for one that the node has by itself. */
export const hashAnnotation = 'kubernetes.io/config.hash';
export const sourceAnnotation = 'kubernetes.io/config.source';
/** On the image in the API: the hash of the pod it shows. */
export const mirrorAnnotation = 'kubernetes.io/config.mirror';

/** A pod as the API gave it, which cannot pretend to be the node's own. */
export function fromApi(pod: Pod): Pod {
  const { annotations } = pod.metadata;
  if (annotations?.[sourceAnnotation] === undefined) return pod;
  return { ...pod, metadata: { ...pod.metadata, annotations: { ...annotations, [sourceAnnotation]: 'api' } } };
}

/** Whether the node has the pod by itself, and the API only an image of it. */
export function isStatic({ metadata }: Pick<Pod, 'metadata'>): boolean {
  const source = metadata.annotations?.[sourceAnnotation];
  return source !== undefined && source !== 'api' && !isMirror({ metadata });
}

/** Whether this is such an image. */
export function isMirror({ metadata }: Pick<Pod, 'metadata'>): boolean {
  return metadata.annotations?.[mirrorAnnotation] !== undefined;
}

/** What must be done about a pod's image in the API. Pure. */
export function mirrorStep(pod: Pod | undefined, mirror: Pod | undefined): 'create' | 'delete' | undefined {
  if (!mirror) return pod ? 'create' : undefined;
  const stale =
    mirror.metadata.deletionTimestamp !== undefined ||
    mirror.metadata.annotations?.[mirrorAnnotation] !== pod?.metadata.annotations?.[hashAnnotation];
  return stale ? 'delete' : undefined;
}
