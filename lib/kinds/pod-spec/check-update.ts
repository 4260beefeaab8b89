/** Faults of changing a pod: almost everything about it is decided when it is made. */
import { copy, equal } from '#lib/meta/equal.ts';
import { fieldForbidden, invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { parseQuantity } from '#lib/meta/quantities.ts';
import type { ContainerStatus, Pod, PodSpec, Toleration } from '../gen/core-v1.ts';
import { checkResources } from './check-resources.ts';
import { qosClassOf } from './resources.ts';

/** Faults of an update of a pod's spec. */
export function checkPodUpdate(now: Pod, before: Pod): FieldError[] {
  const faults: FieldError[] = [];
  for (const list of ['containers', 'initContainers'] as const) {
    const next = now.spec[list] ?? [];
    if (next.length !== (before.spec[list]?.length ?? 0)) {
      return [fieldForbidden(`spec.${list}`, 'pod updates may not add or remove containers')];
    }
    for (const [i, { image }] of next.entries()) if (!image) faults.push(required(`spec.${list}[${i}].image`));
  }
  faults.push(...checkDeadlineChange(now.spec.activeDeadlineSeconds, before.spec.activeDeadlineSeconds));
  faults.push(...checkTolerationChange(now.spec.tolerations, before.spec.tolerations));
  faults.push(...checkGates(now.spec, before.spec));
  if (faults.length > 0) return faults;
  if (!equal(withoutMutable(now.spec, before.spec), before.spec)) {
    faults.push(
      fieldForbidden(
        'spec',
        'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n',
      ),
    );
  }
  return faults;
}

/** `now` with everything that may change as it was before. */
function withoutMutable(now: PodSpec, before: PodSpec): PodSpec {
  const spec = copy(now);
  for (const [i, container] of spec.containers.entries()) container.image = before.containers[i]!.image;
  for (const [i, container] of (spec.initContainers ?? []).entries())
    container.image = before.initContainers![i]!.image;
  spec.activeDeadlineSeconds = before.activeDeadlineSeconds;
  spec.tolerations = before.tolerations;
  if ((before.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1) {
    spec.terminationGracePeriodSeconds = before.terminationGracePeriodSeconds;
  }
  if (before.schedulingGates?.length) {
    // While gates hold a pod back, its placement may still be narrowed.
    spec.schedulingGates = before.schedulingGates;
    if (!narrows(now.nodeSelector, before.nodeSelector)) return spec;
    spec.nodeSelector = before.nodeSelector;
    spec.affinity = before.affinity;
  }
  return spec;
}

function narrows(now: Record<string, string> | undefined, before: Record<string, string> | undefined): boolean {
  return Object.entries(before ?? {}).every(([key, value]) => now?.[key] === value);
}

function checkDeadlineChange(now: number | undefined, before: number | undefined): FieldError[] {
  const path = 'spec.activeDeadlineSeconds';
  if (now !== undefined) {
    if (now < 0 || now > 2147483647) return [invalid(path, now, 'must be between 0 and 2147483647, inclusive')];
    return before !== undefined && now > before
      ? [invalid(path, now, 'must be less than or equal to previous value')]
      : [];
  }
  return before !== undefined ? [invalid(path, now, 'must not update from a positive integer to nil value')] : [];
}

function checkTolerationChange(now: readonly Toleration[] = [], before: readonly Toleration[] = []): FieldError[] {
  const bare = (toleration: Toleration): Toleration => ({ ...toleration, tolerationSeconds: undefined });
  const kept = before.every((old) => now.some((next) => equal(bare(next), bare(old))));
  return kept
    ? []
    : [fieldForbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds')];
}

function checkGates(now: PodSpec, before: PodSpec): FieldError[] {
  const old = new Set((before.schedulingGates ?? []).map(({ name }) => name));
  const added = (now.schedulingGates ?? []).find(({ name }) => !old.has(name));
  return added
    ? [
        fieldForbidden(
          'spec.schedulingGates',
          `only deletion is allowed, but found new scheduling gate '${added.name}'`,
        ),
      ]
    : [];
}

/** Faults of a write to `pods/status`: what has ended stays ended where the restart policy says so. */
export function checkPodStatusUpdate(now: Pod, before: Pod): FieldError[] {
  const policy = before.spec.restartPolicy;
  const faults: FieldError[] = [];
  if (before.spec.nodeName && now.spec.nodeName !== before.spec.nodeName) {
    faults.push(fieldForbidden('status.nodeName', 'may not be changed directly'));
  }
  faults.push(
    ...checkStillEnded(
      'status.containerStatuses',
      now.status?.containerStatuses,
      before.status?.containerStatuses,
      policy,
    ),
  );
  return faults;
}

function checkStillEnded(
  path: string,
  now: readonly ContainerStatus[] | undefined,
  before: readonly ContainerStatus[] | undefined,
  policy: string | undefined,
): FieldError[] {
  if (policy === 'Always') return [];
  return (before ?? []).flatMap((old) => {
    const ended = old.state?.terminated;
    if (!ended || (ended.exitCode !== 0 && policy === 'OnFailure')) return [];
    const i = (now ?? []).findIndex(({ name }) => name === old.name);
    return i >= 0 && !now![i]!.state?.terminated
      ? [fieldForbidden(`${path}[${i}].state`, 'may not be transitioned to non-terminated state')]
      : [];
  });
}

/** Faults of a write to `pods/resize`: cpu and memory may change, the quality of service may not. */
export function checkPodResize(now: Pod, before: Pod): FieldError[] {
  if (now.spec.containers.length !== before.spec.containers.length) {
    return [fieldForbidden('spec.containers', 'containers may not be added or removed on resize')];
  }
  const faults: FieldError[] = [];
  for (const [i, { resources = {} }] of now.spec.containers.entries()) {
    faults.push(...checkResources(`spec.containers[${i}].resources`, resources));
  }
  if (qosClassOf(now.spec) !== qosClassOf(before.spec)) {
    faults.push(invalid('spec', qosClassOf(now.spec), `Pod QOS Class may not change as a result of resizing`));
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
