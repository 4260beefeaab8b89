/** Faults of changing what a pod's containers ask for while it runs. */
import { copy, equal } from '#lib/meta/equal.ts';
import { fieldForbidden, invalid, type FieldError } from '#lib/meta/errors.ts';
import { parseQuantity } from '#lib/meta/quantities.ts';
import type { Pod } from '../gen/core-v1.ts';
import { checkResources } from './check-resources.ts';
import { qosClassOf } from './resources.ts';

/** Faults of a write to `pods/resize`: cpu and memory may change, the quality of service may not. */
export function checkPodResize(now: Pod, before: Pod): FieldError[] {
  if (now.spec.containers.length !== before.spec.containers.length) {
    return [fieldForbidden('spec.containers', 'containers may not be added or removed on resize')];
  }
  const faults: FieldError[] = [];
  for (const [i, { resources = {} }] of now.spec.containers.entries()) {
    faults.push(...checkResources(`spec.containers[${i}].resources`, resources, now.spec.resourceClaims));
  }
  if (qosClassOf(now.spec) !== qosClassOf(before.spec)) {
    faults.push(invalid('spec', qosClassOf(now.spec), 'Pod QOS Class may not change as a result of resizing'));
  }
  const restored = copy(now.spec);
  for (const [i, container] of restored.containers.entries()) {
    const old = before.spec.containers[i]!;
    for (const side of ['limits', 'requests'] as const) {
      const changed = Object.entries(container.resources?.[side] ?? {}).filter(
        ([name, value]) =>
          parseQuantity(value) !== parseQuantity(new Map(Object.entries(old.resources?.[side] ?? {})).get(name) ?? 0),
      );
      if (changed.some(([name]) => name !== 'cpu' && name !== 'memory')) {
        faults.push(fieldForbidden(`spec.containers[${i}].resources`, 'only cpu and memory resources are mutable'));
      }
    }
    container.resources = old.resources;
  }
  if (!equal(restored, before.spec)) {
    faults.push(fieldForbidden('spec', 'only cpu and memory resources are mutable'));
  }
  return faults;
}
