/** Keeps a StatefulSet's pods, each under its own name and with its own volumes, and tells how many there are. */
import type { Action } from '#lib/control/types.ts';
import type { ControllerRevision, StatefulSet, StatefulSetStatus } from '#lib/kinds/gen/apps-v1.ts';
import type { PersistentVolumeClaim, Pod, PodTemplateSpec } from '#lib/kinds/gen/core-v1.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { statefulSet as statefulSetKind } from '#lib/kinds/stateful-set.ts';
import { equal } from '#lib/meta/equal.ts';
import type { Ref } from '#lib/meta/object.ts';
import { fromLabelSelector } from '#lib/meta/selectors.ts';
import { claim } from '../claim.ts';
import { isAvailable, isFinished, isReady, untilAvailable } from '../pods.ts';
import { forgetRevisions, keepHistory, revisionLabel, revisionName } from '../revisions.ts';
import { ordinalOf } from './identity.ts';
import { isGoing, nextSteps } from './steps.ts';
import type { Version } from './steps.ts';

export interface Seen {
  set: StatefulSet;
  /** Pods that it controls, and those of its namespace without a controller. */
  candidates: Pod[];
  /** Revisions that it controls. */
  revisions: ControllerRevision[];
  /** Whether a revision of this name exists, whoever owns it. */
  isTaken(name: string): boolean;
  claimAt(ref: Ref): PersistentVolumeClaim | undefined;
  now: number;
}

const hashLabel = 'controller.kubernetes.io/hash';

export function decide(seen: Seen): Action[] {
  const { set, candidates, revisions, claimAt, now } = seen;
  const selector = fromLabelSelector(set.spec.selector) ?? [];
  const named = candidates.filter((pod) => ordinalOf(set, pod) !== undefined);
  const { owned, actions } = claim(set, selector, podKind, named);
  const history = keepHistory(set, revisions, hashLabel);
  if (!history.current) return seen.isTaken(revisionName(set)) ? collide(set) : [...actions, ...history.actions];
  if (history.actions.length > 0) return [...actions, ...history.actions];
  const pods = new Map(owned.map((pod) => [ordinalOf(set, pod)!, pod]));
  const update: Version = { name: history.current.metadata.name, template: set.spec.template };
  const current = currentVersion(set, revisions, update);
  const going = set.metadata.deletionTimestamp !== undefined;
  const steps = going ? [] : nextSteps({ set, pods, current, update, claimAt, now });
  const inUse = new Set([current.name, update.name, ...owned.map(revisionOf)]);
  return [
    ...actions,
    ...steps,
    ...forgetRevisions(set, revisions, inUse),
    ...writeStatus(set, statusOf(seen, owned, current, update)),
    ...wakeWhenAvailable(seen, owned),
  ];
}

/** The revision that all pods had last; the new one for a set that never had any. */
function currentVersion(set: StatefulSet, revisions: readonly ControllerRevision[], update: Version): Version {
  const name = set.status?.currentRevision;
  const revision = revisions.find(({ metadata }) => metadata.name === name);
  if (!name || !revision) return update;
  const { $patch: _, ...template } = (revision.data as { spec: { template: PodTemplateSpec & { $patch?: string } } })
    .spec.template;
  return { name, template };
}

function revisionOf({ metadata }: Pod): string {
  return metadata.labels?.[revisionLabel] ?? '';
}

function statusOf({ set, now }: Seen, pods: readonly Pod[], current: Version, update: Version): StatefulSetStatus {
  const created = pods.filter((pod) => !isFinished(pod));
  const ready = created.filter((pod) => pod.status?.phase === 'Running' && isReady(pod));
  const available = ready.filter((pod) => isAvailable(pod, set.spec.minReadySeconds ?? 0, now));
  const staying = created.filter((pod) => !isGoing(pod));
  const of = (name: string) => staying.filter((pod) => revisionOf(pod) === name).length;
  const updated = of(update.name);
  const rolling = set.spec.updateStrategy?.type !== 'OnDelete';
  const done = rolling && updated === created.length && ready.length === created.length;
  const currentName = done ? update.name : current.name;
  const currentReplicas = of(currentName);
  const { collisionCount, conditions } = set.status ?? {};
  const { generation } = set.metadata;
  return {
    ...(generation !== undefined && { observedGeneration: generation }),
    replicas: created.length,
    ...(ready.length > 0 && { readyReplicas: ready.length }),
    ...(currentReplicas > 0 && { currentReplicas }),
    ...(updated > 0 && { updatedReplicas: updated }),
    currentRevision: currentName,
    updateRevision: update.name,
    collisionCount: collisionCount ?? 0,
    availableReplicas: available.length,
    ...(conditions && { conditions }),
  };
}

function collide(set: StatefulSet): Action[] {
  const collisionCount = (set.status?.collisionCount ?? 0) + 1;
  return writeStatus(set, { replicas: 0, ...set.status, collisionCount });
}

function writeStatus(set: StatefulSet, status: StatefulSetStatus): Action[] {
  if (equal(status, set.status)) return [];
  const object: StatefulSet = { ...set, status };
  return [{ do: 'status', kind: statefulSetKind, object }];
}

function wakeWhenAvailable({ set, now }: Seen, pods: readonly Pod[]): Action[] {
  const waits = pods
    .map((pod) => untilAvailable(pod, set.spec.minReadySeconds ?? 0, now) ?? 0)
    .filter((wait) => wait > 0);
  return waits.length > 0 ? [{ do: 'wake', afterMs: Math.min(...waits) }] : [];
}
