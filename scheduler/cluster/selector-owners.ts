/** Services and workload sets by namespace: what spreads a pod by default when it states no constraints of its own. */
import type { LabelSelector, Requirement, Selector } from '#lib/meta/selectors.ts';
import { fromLabelSelector, fromMap, matches } from '#lib/meta/selectors.ts';
import { controllerOf } from '#lib/meta/owners.ts';
import type { PodInfo } from './pod-info.ts';

export class SelectorOwners {
  /** Namespace -> services by name. */
  readonly #services = new Map<string, Map<string, Selector>>();
  /** Uid -> ReplicaSet, StatefulSet or ReplicationController. */
  readonly #sets = new Map<string, Selector>();

  setService(namespace: string, name: string, selector: Record<string, string> | undefined): void {
    this.removeService(namespace, name);
    const parsed = fromMap(selector);
    if (!parsed) return;
    let services = this.#services.get(namespace);
    if (!services) this.#services.set(namespace, (services = new Map()));
    services.set(name, parsed);
  }

  removeService(namespace: string, name: string): void {
    const services = this.#services.get(namespace);
    services?.delete(name);
    if (services?.size === 0) this.#services.delete(namespace);
  }

  setOwner(uid: string, selector: LabelSelector | undefined): void {
    this.#sets.set(uid, fromLabelSelector(selector) ?? []);
  }

  removeOwner(uid: string): void {
    this.#sets.delete(uid);
  }

  /**
   * What selects the pod and its siblings: the selectors of all services over it and that of its controller, together.
   * Empty when there is none.
   */
  selectorFor(pod: PodInfo): Selector {
    const requirements: Requirement[] = [];
    for (const selector of this.#services.get(pod.namespace)?.values() ?? [])
      if (matches(selector, pod.labels)) requirements.push(...selector);
    const controller = controllerOf(pod.pod);
    const set = controller && this.#sets.get(controller.uid);
    if (set) requirements.push(...set);
    return requirements;
  }
}
