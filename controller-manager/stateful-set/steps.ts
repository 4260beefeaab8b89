/** The next step of a StatefulSet's pods: in order and one at a time, or all at once when the set says so. */
import type { Action } from '#lib/control/types.ts';
import type { StatefulSet } from '#lib/kinds/gen/apps-v1.ts';
import type { PersistentVolumeClaim, Pod, PodTemplateSpec } from '#lib/kinds/gen/core-v1.ts';
import { persistentVolumeClaim } from '#lib/kinds/persistent-volume-claim.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { equal } from '#lib/meta/equal.ts';
import type { Ref } from '#lib/meta/object.ts';
import { setOwners } from '../claim.ts';
import { isAvailable, isFinished, isReady } from '../pods.ts';
import { revisionLabel } from '../revisions.ts';
import { claimOwners, draftClaims, draftPod, identityLabels, podName, startOf } from './identity.ts';

export interface Version {
  /** Name of the ControllerRevision. */
  name: string;
  template: PodTemplateSpec;
}

export interface Stage {
  set: StatefulSet;
  /** Pods of the set by ordinal. */
  pods: ReadonlyMap<number, Pod>;
  current: Version;
  update: Version;
  claimAt(ref: Ref): PersistentVolumeClaim | undefined;
  now: number;
}

/** Creates, recreates and removes pods towards the wanted ordinals, then towards the wanted revision. */
export function nextSteps(stage: Stage): Action[] {
  const { set, pods } = stage;
  const inOrder = set.spec.podManagementPolicy !== 'Parallel';
  const actions: Action[] = [];
  for (const ordinal of wantedOrdinals(set)) {
    const { steps, settled } = raise(stage, ordinal);
    actions.push(...steps);
    if (inOrder && !settled) return actions;
  }
  const condemned = [...pods.keys()].filter((ordinal) => !isWanted(set, ordinal)).sort((a, b) => b - a);
  const firstUnhealthy = [...pods].filter(([, pod]) => !isHealthy(pod, stage)).sort(([a], [b]) => a - b)[0]?.[1];
  for (const ordinal of condemned) {
    const pod = pods.get(ordinal)!;
    if (isGoing(pod)) {
      if (inOrder) return actions;
      continue;
    }
    // One that does not come up may go, or else the set would wait for it for ever.
    if (inOrder && !isHealthy(pod, stage) && pod !== firstUnhealthy) return actions;
    actions.push(...claimSteps(stage, ordinal, pod, true), remove(set, pod));
    if (inOrder) return actions;
  }
  return actions.length > 0 ? actions : rollNext(stage);
}

/** Replaces the pod with the largest ordinal that is not of the new revision, when all above it are healthy. */
function rollNext(stage: Stage): Action[] {
  const { set, pods, update } = stage;
  if (set.spec.updateStrategy?.type === 'OnDelete') return [];
  const partition = partitionOf(set);
  for (const ordinal of wantedOrdinals(set).toReversed()) {
    if (ordinal < startOf(set) + partition) return [];
    const pod = pods.get(ordinal);
    if (!pod) return [];
    if (pod.metadata.labels?.[revisionLabel] !== update.name && !isGoing(pod)) return [remove(set, pod)];
    if (!isHealthy(pod, stage)) return [];
  }
  return [];
}

/** One ordinal: makes the pod, or puts right what is there. `settled` when the next may follow. */
function raise(stage: Stage, ordinal: number): { steps: Action[]; settled: boolean } {
  const { set, pods } = stage;
  const pod = pods.get(ordinal);
  if (!pod) {
    // First the claims, and in a turn of its own the pod: no pod may start without its volumes being asked for.
    const claims = claimSteps(stage, ordinal, undefined, false);
    return { steps: claims.length > 0 ? claims : [create(stage, ordinal)], settled: false };
  }
  if (isGoing(pod)) return { steps: [], settled: false };
  if (isFinished(pod)) return { steps: [...tellRecreation(set, pod), remove(set, pod)], settled: false };
  const steps = [...claimSteps(stage, ordinal, pod, false), ...labelSteps(set, ordinal, pod)];
  return { steps, settled: isHealthy(pod, stage) };
}

function wantedOrdinals(set: StatefulSet): number[] {
  return Array.from({ length: set.spec.replicas ?? 1 }, (_, i) => startOf(set) + i);
}

function isWanted(set: StatefulSet, ordinal: number): boolean {
  const start = startOf(set);
  return ordinal >= start && ordinal < start + (set.spec.replicas ?? 1);
}

function partitionOf({ spec }: StatefulSet): number {
  return spec.updateStrategy?.rollingUpdate?.partition ?? 0;
}

export function isGoing({ metadata }: Pod): boolean {
  return metadata.deletionTimestamp !== undefined;
}

/** Running, ready for as long as the set asks, and not on its way out. */
function isHealthy(pod: Pod, { set, now }: Stage): boolean {
  if (isGoing(pod) || pod.status?.phase !== 'Running' || !isReady(pod)) return false;
  return isAvailable(pod, set.spec.minReadySeconds ?? 0, now);
}

/** Below the partition a rolling update leaves pods at the current revision, new ones too. */
function versionFor({ set, current, update }: Stage, ordinal: number): Version {
  const rolling = set.spec.updateStrategy?.type !== 'OnDelete';
  return rolling && ordinal < startOf(set) + partitionOf(set) ? current : update;
}

function create(stage: Stage, ordinal: number): Action {
  const { set } = stage;
  const version = versionFor(stage, ordinal);
  const sentence = `create Pod ${podName(set, ordinal)} in StatefulSet ${set.metadata.name}`;
  return {
    do: 'create',
    kind: podKind,
    object: draftPod(set, ordinal, version.template, version.name),
    report: {
      regarding: set,
      done: { reason: 'SuccessfulCreate', message: `${sentence} successful` },
      failed: { reason: 'FailedCreate', message: `${sentence} failed error: {error}` },
    },
  };
}

function remove(set: StatefulSet, { metadata }: Pod): Action {
  const sentence = `delete Pod ${metadata.name} in StatefulSet ${set.metadata.name}`;
  return {
    do: 'delete',
    kind: podKind,
    target: { namespace: metadata.namespace ?? '', name: metadata.name },
    uid: metadata.uid,
    report: {
      regarding: set,
      done: { reason: 'SuccessfulDelete', message: `${sentence} successful` },
      failed: { reason: 'FailedDelete', message: `${sentence} failed error: {error}` },
    },
  };
}

function tellRecreation(set: StatefulSet, { metadata, status }: Pod): Action[] {
  const failed = status?.phase === 'Failed';
  const reason = failed ? 'RecreatingFailedPod' : 'RecreatingTerminatedPod';
  const how = failed ? 'failed' : 'terminated';
  const message = `StatefulSet ${set.metadata.namespace}/${set.metadata.name} is recreating ${how} Pod ${metadata.name}`;
  return [{ do: 'event', regarding: set, type: failed ? 'Warning' : 'Normal', reason, message }];
}

/** Missing claims are made; those that are there get the owners that the retention policy wants. */
function claimSteps({ set, claimAt }: Stage, ordinal: number, pod: Pod | undefined, condemned: boolean): Action[] {
  const owners = claimOwners(set, pod, condemned);
  return draftClaims(set, ordinal).flatMap((draft): Action[] => {
    const name = draft.metadata.name!;
    const claim = claimAt({ namespace: set.metadata.namespace ?? '', name });
    if (!claim) {
      if (condemned) return [];
      const ownerReferences = owners.length > 0 && { ownerReferences: owners };
      const object = { ...draft, metadata: { ...draft.metadata, ...ownerReferences } };
      const sentence = `create Claim ${name} Pod ${podName(set, ordinal)} in StatefulSet ${set.metadata.name}`;
      const done = { reason: 'SuccessfulCreate', message: `${sentence} success` };
      const failed = { reason: 'FailedCreate', message: `${sentence} failed error: {error}` };
      return [{ do: 'create', kind: persistentVolumeClaim, object, report: { regarding: set, done, failed } }];
    }
    const before = claim.metadata.ownerReferences ?? [];
    const ours = (uid: string, kind: string) => uid === set.metadata.uid || uid === pod?.metadata.uid || kind === 'Pod';
    const wanted = [...before.filter(({ uid, kind }) => !ours(uid, kind)), ...owners];
    return equal(before, wanted) ? [] : [setOwners(persistentVolumeClaim, claim, wanted)];
  });
}

function labelSteps(set: StatefulSet, ordinal: number, pod: Pod): Action[] {
  const labels = identityLabels(set, ordinal);
  if (Object.entries(labels).every(([key, value]) => pod.metadata.labels?.[key] === value)) return [];
  const { namespace = '', name, uid } = pod.metadata;
  return [{ do: 'patch', kind: podKind, target: { namespace, name }, uid, patch: { metadata: { labels } } }];
}
