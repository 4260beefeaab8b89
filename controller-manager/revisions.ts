/** The history of templates that DaemonSets and StatefulSets keep as ControllerRevisions. */
import type { Action } from '#lib/control/types.ts';
import { controllerRevision } from '#lib/kinds/controller-revision.ts';
import type { ControllerRevision } from '#lib/kinds/gen/apps-v1.ts';
import type { PodTemplateSpec } from '#lib/kinds/gen/core-v1.ts';
import { equal } from '#lib/meta/equal.ts';
import { hashOf } from '#lib/meta/hash.ts';
import type { Draft, Resource } from '#lib/meta/object.ts';
import { controllerRef } from '#lib/meta/owners.ts';

/** The label that says of which revision a pod is. */
export const revisionLabel = 'controller-revision-hash';

export interface Owner extends Resource {
  spec: { template: PodTemplateSpec; revisionHistoryLimit?: number | undefined };
  status?: { collisionCount?: number | undefined } | undefined;
}

export interface History {
  /** The revision with the owner's template; undefined until it has been created. */
  current: ControllerRevision | undefined;
  /** What brings the history up to date, a step of its own. */
  actions: Action[];
}

/** The part of an owner that a revision keeps: applied as a strategic merge patch, it restores the template. */
function dataOf({ spec }: Owner): { spec: { template: unknown } } {
  return { spec: { template: { ...spec.template, $patch: 'replace' } } };
}

/** Finds or makes the current revision; `hashLabel` is where the owner's kind notes the hash. */
export function keepHistory(owner: Owner, revisions: readonly ControllerRevision[], hashLabel: string): History {
  const data = dataOf(owner);
  const sorted = revisions.toSorted(byRevision);
  const current = sorted.findLast((revision) => equal(revision.data, data));
  const next = (sorted.at(-1)?.revision ?? 0) + 1;
  if (!current) return { current: undefined, actions: [create(owner, data, next, hashLabel)] };
  // Going back to an old template makes its revision the newest again.
  if (current.revision !== next - 1) {
    const object: ControllerRevision = { ...current, revision: next };
    return { current, actions: [{ do: 'update', kind: controllerRevision, object }] };
  }
  return { current, actions: [] };
}

/** Deletes the oldest revisions beyond the limit, other than those `inUse` (by name). */
export function forgetRevisions(
  owner: Owner,
  revisions: readonly ControllerRevision[],
  inUse: ReadonlySet<string>,
): Action[] {
  const limit = owner.spec.revisionHistoryLimit ?? 10;
  const idle = revisions.filter(({ metadata }) => !inUse.has(metadata.name)).toSorted(byRevision);
  return idle.slice(0, Math.max(0, idle.length - limit)).map(({ metadata }) => ({
    do: 'delete',
    kind: controllerRevision,
    target: { namespace: metadata.namespace ?? '', name: metadata.name },
    uid: metadata.uid,
  }));
}

/** The hash of an owner's template, which a collision changes. */
export function templateHash(owner: Owner): string {
  return hashOf(owner.spec.template, owner.status?.collisionCount);
}

/** The name that the revision of an owner's template gets. */
export function revisionName(owner: Owner): string {
  return `${owner.metadata.name}-${templateHash(owner)}`;
}

function create(owner: Owner, data: object, revision: number, hashLabel: string): Action {
  const { namespace, annotations } = owner.metadata;
  const object: Draft<ControllerRevision> = {
    metadata: {
      name: revisionName(owner),
      namespace,
      labels: { ...owner.spec.template.metadata?.labels, [hashLabel]: templateHash(owner) },
      ...(annotations && { annotations: withoutApplied(annotations) }),
      ownerReferences: [controllerRef(owner)],
    },
    data: data as Record<string, unknown>,
    revision,
  };
  return { do: 'create', kind: controllerRevision, object };
}

function withoutApplied(annotations: Record<string, string>): Record<string, string> {
  const { 'kubectl.kubernetes.io/last-applied-configuration': _, ...rest } = annotations;
  return rest;
}

function byRevision(a: ControllerRevision, b: ControllerRevision): number {
  return a.revision - b.revision || (a.metadata.name < b.metadata.name ? -1 : 1);
}
