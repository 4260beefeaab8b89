/** Keeps one pod of a DaemonSet on every node that should have one, and rolls them to a new template. */
import type { Action } from '#lib/control/types.ts';
import { daemonSet as daemonSetKind } from '#lib/kinds/daemon-set.ts';
import type { ControllerRevision, DaemonSet, DaemonSetStatus } from '#lib/kinds/gen/apps-v1.ts';
import type { Node, Pod } from '#lib/kinds/gen/core-v1.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { equal } from '#lib/meta/equal.ts';
import { fromLabelSelector } from '#lib/meta/selectors.ts';
import { claim } from '../claim.ts';
import { isReady, untilAvailable } from '../pods.ts';
import { podFrom } from '../replica-set/decide.ts';
import { forgetRevisions, keepHistory, revisionLabel, revisionName, templateHash } from '../revisions.ts';
import { fitOf, daemonTolerations } from './node-fit.ts';
import { available, byAge, isFresh, manage, nodeOf, roll } from './plan.ts';
import type { Ground, Plan } from './plan.ts';

export interface Seen {
  set: DaemonSet;
  nodes: Node[];
  /** Pods that it controls, and those of its namespace without a controller. */
  candidates: Pod[];
  /** Revisions that it controls. */
  revisions: ControllerRevision[];
  /** Whether a revision of this name exists, whoever owns it. */
  isTaken(name: string): boolean;
  now: number;
}

const generationKey = 'deprecated.daemonset.template.generation';

export function decide(seen: Seen): Action[] {
  const { set, nodes, candidates, revisions, now } = seen;
  const selector = fromLabelSelector(set.spec.selector) ?? [];
  if (selector.length === 0) {
    const message = 'This daemon set is selecting all pods. A non-empty selector is required.';
    return [{ do: 'event', regarding: set, type: 'Warning', reason: 'SelectingAll', message }];
  }
  const { owned, actions } = claim(set, selector, podKind, candidates);
  if (set.metadata.deletionTimestamp !== undefined) return actions;
  const history = keepHistory(set, revisions, revisionLabel);
  if (history.current === undefined && seen.isTaken(revisionName(set))) return collide(set);
  if (history.actions.length > 0) return [...actions, ...history.actions];
  const hash = history.current?.metadata.labels?.[revisionLabel] ?? templateHash(set);
  const podsByNode = Map.groupBy(owned, nodeOf);
  const ground: Ground = { set, nodes, podsByNode, hash, now };
  const managed = manage(ground);
  const rolled = set.spec.updateStrategy?.type === 'OnDelete' ? undefined : roll(ground, managed);
  return [
    ...actions,
    ...carryOut(managed, ground),
    ...(rolled ? carryOut(rolled, ground) : []),
    ...forget(seen, owned, hash),
    ...writeStatus(set, statusOf(ground)),
    ...wakeWhenAvailable(ground, owned),
    ...(managed.waitMs < Infinity ? [{ do: 'wake', afterMs: managed.waitMs } as const] : []),
  ];
}

function carryOut({ create, remove, ended }: Plan, ground: Ground): Action[] {
  const { set } = ground;
  return [
    ...ended.map((pod) => tellEnded(set, pod)),
    ...remove.map((pod) => removePod(set, pod)),
    ...create.map((node) => createPod(ground, node)),
  ];
}

function createPod({ set, hash }: Ground, node: string): Action {
  const draft = podFrom(set.spec.template, set);
  const generation = set.metadata.annotations?.[generationKey];
  const labels = {
    ...draft.metadata.labels,
    [revisionLabel]: hash,
    ...(generation !== undefined && { 'pod-template-generation': generation }),
  };
  const nodeSelectorTerms = [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }];
  const { affinity } = draft.spec;
  const object = {
    ...draft,
    metadata: { ...draft.metadata, labels },
    spec: {
      ...draft.spec,
      tolerations: daemonTolerations(draft.spec),
      affinity: {
        ...affinity,
        nodeAffinity: {
          ...affinity?.nodeAffinity,
          requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms },
        },
      },
    },
  };
  const done = { reason: 'SuccessfulCreate', message: 'Created pod: {name}' };
  const failed = { reason: 'FailedCreate', message: 'Error creating: {error}' };
  return { do: 'create', kind: podKind, object, report: { regarding: set, done, failed } };
}

function removePod(set: DaemonSet, { metadata }: Pod): Action {
  const done = { reason: 'SuccessfulDelete', message: 'Deleted pod: {name}' };
  const failed = { reason: 'FailedDelete', message: 'Error deleting: {error}' };
  const target = { namespace: metadata.namespace ?? '', name: metadata.name };
  return { do: 'delete', kind: podKind, target, uid: metadata.uid, report: { regarding: set, done, failed } };
}

function tellEnded(set: DaemonSet, { metadata, spec, status }: Pod): Action {
  const how = status?.phase === 'Failed' ? 'failed' : 'succeeded';
  const verb = how === 'failed' ? 'kill' : 'delete';
  return {
    do: 'event',
    regarding: set,
    type: how === 'failed' ? 'Warning' : 'Normal',
    reason: how === 'failed' ? 'FailedDaemonPod' : 'SucceededDaemonPod',
    message: `Found ${how} daemon pod ${metadata.namespace}/${metadata.name} on node ${spec.nodeName ?? ''}, will try to ${verb} it`,
  };
}

function collide(set: DaemonSet): Action[] {
  const collisionCount = (set.status?.collisionCount ?? 0) + 1;
  return writeStatus(set, { ...emptyStatus, ...set.status, collisionCount });
}

const emptyStatus = { currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 };

function statusOf(ground: Ground): DaemonSetStatus {
  const { set, nodes, podsByNode } = ground;
  const status = { ...emptyStatus, updated: 0, available: 0 };
  for (const node of nodes) {
    const pods = (podsByNode.get(node.metadata.name) ?? []).toSorted(byAge);
    if (!fitOf(set.spec.template.spec!, node).start) {
      status.numberMisscheduled += pods.length > 0 ? 1 : 0;
      continue;
    }
    status.desiredNumberScheduled++;
    const [pod] = pods;
    if (!pod) continue;
    status.currentNumberScheduled++;
    status.numberReady += isReady(pod) ? 1 : 0;
    status.available += available(pod, ground) ? 1 : 0;
    status.updated += isFresh(pod, ground) ? 1 : 0;
  }
  const { updated, available: numberAvailable, ...counts } = status;
  const numberUnavailable = counts.desiredNumberScheduled - numberAvailable;
  const { collisionCount, conditions } = set.status ?? {};
  const { generation } = set.metadata;
  return {
    ...counts,
    ...(generation !== undefined && { observedGeneration: generation }),
    ...(updated > 0 && { updatedNumberScheduled: updated }),
    ...(numberAvailable > 0 && { numberAvailable }),
    ...(numberUnavailable > 0 && { numberUnavailable }),
    ...(collisionCount !== undefined && { collisionCount }),
    ...(conditions && { conditions }),
  };
}

/** Old revisions beyond the limit, unless a pod is still of one. */
function forget({ set, revisions }: Seen, pods: readonly Pod[], hash: string): Action[] {
  const used = new Set([hash, ...pods.map(({ metadata }) => metadata.labels?.[revisionLabel] ?? '')]);
  const inUse = revisions.filter(({ metadata }) => used.has(metadata.labels?.[revisionLabel] ?? ''));
  return forgetRevisions(set, revisions, new Set(inUse.map(({ metadata }) => metadata.name)));
}

function writeStatus(set: DaemonSet, status: DaemonSetStatus): Action[] {
  if (equal(status, set.status)) return [];
  const object: DaemonSet = { ...set, status };
  return [{ do: 'status', kind: daemonSetKind, object }];
}

function wakeWhenAvailable({ set, now }: Ground, pods: readonly Pod[]): Action[] {
  const waits = pods
    .map((pod) => untilAvailable(pod, set.spec.minReadySeconds ?? 0, now) ?? 0)
    .filter((wait) => wait > 0);
  return waits.length > 0 ? [{ do: 'wake', afterMs: Math.min(...waits) }] : [];
}
