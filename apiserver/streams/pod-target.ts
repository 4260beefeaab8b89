/** Which container a request means, and where it runs: checks and sentences of upstream's `registry/core/pod/strategy.go`. Pure. */
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { badRequest } from '#lib/meta/errors.ts';

/** The container's name. Throws BadRequest when it must be chosen, or is not one of the pod's. */
export function containerOf(pod: Pod, asked: string): string {
  const { containers, initContainers = [], ephemeralContainers = [] } = pod.spec;
  const names = [...initContainers, ...containers, ...ephemeralContainers].map(({ name }) => name);
  if (asked !== '') {
    if (names.includes(asked)) return asked;
    throw badRequest(`container ${asked} is not valid for pod ${pod.metadata.name}`);
  }
  const [only] = containers;
  if (only && containers.length === 1) return only.name;
  const among = containers.length === 0 ? '' : `, choose one of: [${names.join(' ')}]`;
  throw badRequest(`a container name must be specified for pod ${pod.metadata.name}${among}`);
}

/** The node that runs the pod. Throws BadRequest before it is scheduled. */
export function hostOf(pod: Pod): string {
  if (pod.spec.nodeName) return pod.spec.nodeName;
  throw badRequest(`pod ${pod.metadata.name} does not have a host assigned`);
}
