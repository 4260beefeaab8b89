/** What a Deployment notes on its ReplicaSets and on itself. */
import type { Deployment, ReplicaSet } from '#lib/kinds/gen/apps-v1.ts';
import { maxSurge, replicasOf } from './numbers.ts';

export const revisionKey = 'deployment.kubernetes.io/revision';
const historyKey = 'deployment.kubernetes.io/revision-history';
const desiredKey = 'deployment.kubernetes.io/desired-replicas';
const maxKey = 'deployment.kubernetes.io/max-replicas';
/** The note of earlier revisions is cut from its front beyond this many characters. */
const historyLimit = 2000;

const notCopied: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'deprecated.deployment.rollback.to',
  revisionKey,
  historyKey,
  desiredKey,
  maxKey,
]);

type Annotations = Record<string, string>;

export function revisionOf({ metadata }: ReplicaSet | Deployment): number {
  const text = metadata.annotations?.[revisionKey] ?? '';
  return /^\d+$/.test(text) ? Number(text) : 0;
}

/** The revision of the newest of these sets, 0 when there is none. */
export function highestRevision(sets: readonly ReplicaSet[]): number {
  return sets.reduce((highest, set) => Math.max(highest, revisionOf(set)), 0);
}

/** Annotations of a set that is there and becomes, or is, the newest: it takes the revision, and remembers the one it had. */
export function newestAnnotations(deployment: Deployment, set: ReplicaSet, revision: number): Annotations {
  const annotations = { ...set.metadata.annotations, ...copied(deployment) };
  const before = set.metadata.annotations?.[revisionKey];
  if (revisionOf(set) >= revision) return annotations;
  annotations[revisionKey] = String(revision);
  if (before) annotations[historyKey] = appended(annotations[historyKey], before);
  return annotations;
}

/** Annotations of a set that is about to be created. */
export function freshAnnotations(deployment: Deployment, revision: number): Annotations {
  return { ...copied(deployment), [revisionKey]: String(revision), ...sizes(deployment) };
}

/** The Deployment's size as noted on each set that is scaled: what it is later scaled in proportion to. */
export function sizes(deployment: Deployment): Annotations {
  const replicas = replicasOf(deployment);
  return { [desiredKey]: String(replicas), [maxKey]: String(replicas + maxSurge(deployment)) };
}

/** The Deployment's replicas when this set was last scaled. */
export function desiredOf(set: ReplicaSet): number | undefined {
  return numberAt(set, desiredKey);
}

/** The Deployment's replicas and surge when this set was last scaled. */
export function maxOf(set: ReplicaSet): number | undefined {
  return numberAt(set, maxKey);
}

function numberAt({ metadata }: ReplicaSet, key: string): number | undefined {
  const text = metadata.annotations?.[key] ?? '';
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

function copied({ metadata }: Deployment): Annotations {
  return Object.fromEntries(Object.entries(metadata.annotations ?? {}).filter(([key]) => !notCopied.has(key)));
}

function appended(history: string | undefined, revision: string): string {
  const revisions = history ? history.split(',') : [];
  while (revisions.length > 0 && [...revisions, revision].join(',').length > historyLimit) revisions.shift();
  return [...revisions, revision].join(',');
}
