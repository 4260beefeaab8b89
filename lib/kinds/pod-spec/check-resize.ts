/** Faults of changing what a pod's containers ask for while it runs. */
import { equal } from '#lib/meta/equal.ts';
import { fieldForbidden, invalid, type FieldError } from '#lib/meta/errors.ts';
import { parseQuantity } from '#lib/meta/quantities.ts';
import type { Container, Pod, ResourceRequirements } from '../gen/core-v1.ts';
import { mirrorAnnotation } from './check-annotations.ts';
import { qosClassOf } from './resources.ts';

const resizable = new Set(['cpu', 'memory']);
const none: ReadonlySet<string> = new Set();

/**
 * Faults of a write to `pods/resize`: cpu and memory of main containers and sidecars may change, but not be taken away; the quality of service may not change. What is wrong with
 * the amounts themselves is for the pod's own check to say.
 */
export function checkPodResize(now: Pod, before: Pod): FieldError[] {
  if (before.metadata.annotations?.[mirrorAnnotation] !== undefined) {
    return [fieldForbidden('[]', 'static pods cannot be resized')];
  }
  const lists = ['containers', 'initContainers'] as const;
  const other = lists.find((list) => (now.spec[list] ?? []).length !== (before.spec[list] ?? []).length);
  if (other) return [fieldForbidden(`spec.${other}`, 'containers may not be added or removed on resize')];
  const renamed = lists.flatMap((list) =>
    (now.spec[list] ?? []).flatMap(({ name }, i) =>
      name === before.spec[list]![i]!.name
        ? []
        : [fieldForbidden(`spec.${list}[${i}].name`, 'containers may not be renamed or reordered on resize')],
    ),
  );
  if (renamed.length > 0) return renamed;
  const faults: FieldError[] = [];
  if (qosClassOf(now.spec) !== qosClassOf(before.spec)) {
    faults.push(invalid('spec', qosClassOf(now.spec), 'Pod QOS Class may not change as a result of resizing'));
  }
  for (const list of lists) {
    for (const [i, container] of (now.spec[list] ?? []).entries()) {
      const old = before.spec[list]![i]!;
      const told = faultOf(container, old, list === 'initContainers');
      if (told) faults.push(fieldForbidden('spec', told));
      else faults.push(...removalsIn(`spec.${list}[${i}].resources`, container.resources, old.resources));
    }
  }
  if (faults.length === 0 && !equal(withoutResources(now), withoutResources(before))) {
    faults.push(fieldForbidden('spec', 'only cpu and memory resources are mutable'));
  }
  return faults;
}

function faultOf(now: Container, before: Container, isInit: boolean): string | undefined {
  const isResizable = !isInit || before.restartPolicy === 'Always';
  if (sameBut(isResizable ? resizable : none, now.resources, before.resources)) return undefined;
  if (!isInit) return 'only cpu and memory resources are mutable';
  return isResizable
    ? 'only cpu and memory resources for sidecar containers are mutable'
    : 'resources for non-sidecar init containers are immutable';
}

function removalsIn(at: string, now: ResourceRequirements = {}, before: ResourceRequirements = {}): FieldError[] {
  return (['requests', 'limits'] as const).flatMap((side) =>
    Object.keys(before[side] ?? {}).some((name) => !Object.hasOwn(now[side] ?? {}, name))
      ? [fieldForbidden(`${at}.${side}`, `resource ${side} cannot be removed`)]
      : [],
  );
}

function sameBut(free: ReadonlySet<string>, a: ResourceRequirements = {}, b: ResourceRequirements = {}): boolean {
  const amounts = (list: Readonly<Record<string, number | string>> = {}) =>
    Object.fromEntries(
      Object.entries(list).flatMap(([name, amount]) => (free.has(name) ? [] : [[name, parseQuantity(amount)]])),
    );
  return (
    equal(a.claims ?? [], b.claims ?? []) &&
    (['limits', 'requests'] as const).every((side) => equal(amounts(a[side]), amounts(b[side])))
  );
}

function withoutResources({ spec }: Pod): object {
  const bare = (list: readonly Container[] = []) => list.map((container) => ({ ...container, resources: {} }));
  return { ...spec, containers: bare(spec.containers), initContainers: bare(spec.initContainers) };
}
