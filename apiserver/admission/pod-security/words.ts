/** How the checks of pod security speak of containers and values. */
import type { PodSpec, SecurityContext } from '#lib/kinds/gen/core-v1.ts';

interface AnyContainer {
  name: string;
  securityContext?: SecurityContext | undefined;
  ports?: { hostPort?: number | undefined }[] | undefined;
}

/** All containers, in the order in which upstream looks at them. */
export function containersOf({ initContainers = [], containers, ephemeralContainers = [] }: PodSpec): AnyContainer[] {
  return [...initContainers, ...containers, ...ephemeralContainers];
}

/** Names of the containers for which something holds. */
export function namesWhere(spec: PodSpec, holds: (container: AnyContainer) => boolean): string[] {
  return containersOf(spec)
    .filter(holds)
    .map(({ name }) => name);
}

/** `"a", "b"` */
export function quoted(items: readonly string[]): string {
  return items.map((item) => `"${item}"`).join(', ');
}

/** `container "a"`, `containers "a", "b"` */
export function containers(names: readonly string[]): string {
  return `${plural('container', names)} ${quoted(names)}`;
}

export function plural(noun: string, items: readonly unknown[]): string {
  return items.length === 1 ? noun : `${noun}s`;
}

/** `use` of several, `uses` of one. */
export function use(items: readonly unknown[]): string {
  return items.length === 1 ? 'uses' : 'use';
}

/** Who sets something: the pod, some containers, or both. */
export function setters(podDoes: boolean, names: readonly string[]): string[] {
  return [...(podDoes ? ['pod'] : []), ...(names.length > 0 ? [containers(names)] : [])];
}

/** Distinct values, sorted. */
export function distinct(values: readonly string[]): string[] {
  return [...new Set(values)].sort();
}
