/** Faults of changing a pod: almost everything about it is decided when it is made (upstream's `ValidatePodUpdate`). */
import { copy, equal } from '#lib/meta/equal.ts';
import { fieldForbidden, invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { goDiff } from '../checks/go-diff.ts';
import { goStruct, goStructs } from '../checks/go-value.ts';
import type { NodeAffinity, Pod, PodSpec, Toleration } from '../gen/core-v1.ts';
import { checkPodImage } from './check-containers.ts';
import { checkTolerations } from './check-scheduling.ts';

const podSpec = 'io.k8s.api.core.v1.PodSpec';
const nodeTerm = 'io.k8s.api.core.v1.NodeSelectorTerm';
const updatable = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

/** Faults of an update of a pod's spec. */
export function checkPodUpdate(now: Pod, before: Pod): FieldError[] {
  const faults: FieldError[] = [];
  for (const list of ['containers', 'initContainers'] as const) {
    const path = `spec.${list}`;
    const next = now.spec[list] ?? [];
    if (next.length !== (before.spec[list]?.length ?? 0)) {
      return [...faults, fieldForbidden(path, 'pod updates may not add or remove containers')];
    }
    for (const [i, { image }] of next.entries()) {
      faults.push(...(image ? checkPodImage(`${path}[${i}].image`, image) : [required(`${path}[${i}].image`)]));
    }
  }
  const { deadlineFaults, isFinal } = checkDeadline(now.spec, before.spec);
  faults.push(...deadlineFaults);
  if (isFinal) return faults;
  faults.push(...checkAddedTolerations(now.spec.tolerations, before.spec.tolerations));
  faults.push(...checkGates(now.spec, before.spec));
  if (equal(now.spec, before.spec)) return faults;
  const { rest, placementFaults } = withoutMutable(now.spec, before.spec);
  faults.push(...placementFaults);
  if (!equal(rest, before.spec)) {
    const diff = goDiff(podSpec, before.spec, rest);
    faults.push(fieldForbidden('spec', `pod updates may not change fields other than ${updatable}\n${diff}`));
  }
  return faults;
}

/** `now` with everything that may change as it was before. */
function withoutMutable(now: PodSpec, before: PodSpec): { rest: PodSpec; placementFaults: FieldError[] } {
  const rest = copy(now);
  for (const [i, container] of rest.containers.entries()) container.image = before.containers[i]!.image;
  for (const [i, container] of (rest.initContainers ?? []).entries()) {
    container.image = before.initContainers![i]!.image;
  }
  rest.activeDeadlineSeconds = before.activeDeadlineSeconds;
  rest.schedulingGates = before.schedulingGates;
  rest.tolerations = before.tolerations;
  if ((before.terminationGracePeriodSeconds ?? 0) < 0 && rest.terminationGracePeriodSeconds === 1) {
    rest.terminationGracePeriodSeconds = before.terminationGracePeriodSeconds;
  }
  // While gates hold a pod back, its placement may still be narrowed.
  const placementFaults = before.schedulingGates?.length ? checkPlacement(now, before) : [];
  if (before.schedulingGates?.length) {
    rest.nodeSelector = before.nodeSelector;
    if (rest.affinity || before.affinity?.nodeAffinity) {
      rest.affinity = { ...rest.affinity, nodeAffinity: before.affinity?.nodeAffinity };
      if (!before.affinity && !rest.affinity.podAffinity && !rest.affinity.podAntiAffinity) rest.affinity = undefined;
    }
  }
  return { rest, placementFaults };
}

function checkPlacement(now: PodSpec, before: PodSpec): FieldError[] {
  const only = 'only additions are allowed (no mutations or deletions)';
  const kept = Object.entries(before.nodeSelector ?? {}).every(([key, value]) => now.nodeSelector?.[key] === value);
  const faults = kept
    ? []
    : [
        invalid(
          'spec.nodeSelector',
          now.nodeSelector ?? {},
          'only additions to spec.nodeSelector are allowed (no mutations or deletions)',
        ),
      ];
  const path = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms';
  const old = termsOf(before.affinity?.nodeAffinity);
  const next = termsOf(now.affinity?.nodeAffinity);
  if (old.length === 0) return faults;
  if (old.length !== next.length) {
    const detail = 'no additions/deletions to non-empty NodeSelectorTerms list are allowed';
    return [...faults, invalid(path, goStructs(nodeTerm, next), detail)];
  }
  for (const [i, { matchExpressions = [], matchFields = [] }] of old.entries()) {
    const { matchExpressions: nextExpressions = [], matchFields: nextFields = [] } = next[i]!;
    const isKept =
      equal(nextExpressions.slice(0, matchExpressions.length), matchExpressions) &&
      equal(nextFields.slice(0, matchFields.length), matchFields);
    const wasEmpty = matchExpressions.length + matchFields.length === 0;
    const isEmpty = nextExpressions.length + nextFields.length === 0;
    if (!isKept || (wasEmpty && !isEmpty)) faults.push(invalid(`${path}[${i}]`, goStruct(nodeTerm, next[i]), only));
  }
  return faults;
}

function termsOf(
  affinity: NodeAffinity | undefined,
): NonNullable<NodeAffinity['requiredDuringSchedulingIgnoredDuringExecution']>['nodeSelectorTerms'] {
  return affinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
}

/** A deadline may come and come nearer. A wrong one ends the matter. */
function checkDeadline(
  { activeDeadlineSeconds: now }: PodSpec,
  { activeDeadlineSeconds: before }: PodSpec,
): { deadlineFaults: FieldError[]; isFinal: boolean } {
  const fault = (detail: string) => [invalid('spec.activeDeadlineSeconds', now, detail)];
  if (now === undefined) {
    if (before === undefined) return { deadlineFaults: [], isFinal: false };
    return { deadlineFaults: fault('must not update from a positive integer to nil value'), isFinal: false };
  }
  if (now < 0 || now > 2147483647) {
    return { deadlineFaults: fault('must be between 0 and 2147483647, inclusive'), isFinal: true };
  }
  if (before !== undefined && before < now) {
    return { deadlineFaults: fault('must be less than or equal to previous value'), isFinal: true };
  }
  return { deadlineFaults: [], isFinal: false };
}

function checkAddedTolerations(now: readonly Toleration[] = [], before: readonly Toleration[] = []): FieldError[] {
  const path = 'spec.tolerations';
  const kept = new Set(now.map(identityOf));
  if (!before.every((old) => kept.has(identityOf(old))))
    return [fieldForbidden(path, 'existing toleration can not be modified except its tolerationSeconds')];
  return checkTolerations(path, now);
}

/** All of a toleration but for how long it lasts. */
function identityOf({ key, operator, value, effect }: Toleration): string {
  return JSON.stringify([key ?? '', operator ?? '', value ?? '', effect ?? '']);
}

function checkGates(now: PodSpec, before: PodSpec): FieldError[] {
  const old = new Set((before.schedulingGates ?? []).map(({ name }) => name));
  return (now.schedulingGates ?? []).flatMap(({ name }, i) =>
    old.has(name)
      ? []
      : [
          fieldForbidden(
            `spec.schedulingGates[${i}].name`,
            `only deletion is allowed, but found new scheduling gate '${name}'`,
          ),
        ],
  );
}
