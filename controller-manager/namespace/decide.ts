/** Empties a namespace that is being deleted, tells how far that is, and lets it go when nothing is left. */
import type { Action, Failure } from '#lib/control/types.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { Namespace, NamespaceCondition } from '#lib/kinds/gen/core-v1.ts';
import { namespace as namespaceKind } from '#lib/kinds/namespace.ts';
import { equal } from '#lib/meta/equal.ts';
import type { Resource } from '#lib/meta/object.ts';
import { conditionOf } from '#lib/meta/conditions.ts';
import { formatTime } from '#lib/meta/time.ts';

/** All objects of one kind in the namespace. */
export interface Content {
  kind: Kind;
  objects: readonly Resource[];
}

export interface Seen {
  namespace: Namespace;
  /** Kinds of which something is left. Empty only after the API server itself has confirmed that nothing is. */
  contents: readonly Content[];
  now: number;
}

const finalizer = 'kubernetes';

type Finding = [type: string, status: 'True' | 'False', reason: string, message: string];

export function decide(seen: Seen): Action[] {
  const { namespace, contents } = seen;
  const { metadata, spec } = namespace;
  if (metadata.deletionTimestamp === undefined || !spec?.finalizers?.includes(finalizer)) return [];
  const status = writeStatus(seen, [
    ['NamespaceDeletionContentFailure', 'False', 'ContentDeleted', contentDeleted],
    ...remaining(contents),
  ]);
  if (contents.length > 0) return [...contents.flatMap(removeAll), ...status];
  const finalizers = spec.finalizers.filter((each) => each !== finalizer);
  const body: Namespace = { ...namespace, spec: { ...spec, finalizers } };
  return [
    { do: 'put', kind: namespaceKind, target: { namespace: '', name: metadata.name }, subresource: 'finalize', body },
  ];
}

/** The status when some objects could not be deleted. */
export function failed(seen: Seen, failures: readonly Failure[]): Action[] {
  const sentences = failures.filter(({ action }) => action.do === 'delete').map(({ error }) => error.message);
  if (sentences.length === 0) return [];
  const unique = [...new Set(sentences)].sort();
  const message = `Failed to delete all resource types, ${unique.length} remaining: ${unique.join(', ')}`;
  return writeStatus(seen, [
    ['NamespaceDeletionContentFailure', 'True', 'ContentDeletionFailed', message],
    ...remaining(seen.contents),
  ]);
}

const contentDeleted = 'All content successfully deleted, may be waiting on finalization';

function removeAll({ kind, objects }: Content): Action[] {
  const present = objects.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  return present.map(({ metadata }) => ({
    do: 'delete',
    kind,
    target: { namespace: metadata.namespace!, name: metadata.name },
    uid: metadata.uid,
    propagationPolicy: 'Background',
  }));
}

/** What is left, and which finalizers hold it. */
function remaining(contents: readonly Content[]): Finding[] {
  const counts = contents.map(
    ({ kind, objects }) => `${kind.plural}.${kind.group} has ${objects.length} resource instances`,
  );
  const holding = contents.flatMap(({ objects }) => objects).flatMap(({ metadata }) => metadata.finalizers ?? []);
  const holders = [...Map.groupBy(holding, (name) => name)].map(
    ([name, all]) => `${name} in ${all.length} resource instances`,
  );
  return [
    counts.length > 0
      ? [
          'NamespaceContentRemaining',
          'True',
          'SomeResourcesRemain',
          `Some resources are remaining: ${counts.sort().join(', ')}`,
        ]
      : ['NamespaceContentRemaining', 'False', 'ContentRemoved', 'All content successfully removed'],
    holders.length > 0
      ? [
          'NamespaceFinalizersRemaining',
          'True',
          'SomeFinalizersRemain',
          `Some content in the namespace has finalizers remaining: ${holders.sort().join(', ')}`,
        ]
      : [
          'NamespaceFinalizersRemaining',
          'False',
          'ContentHasNoFinalizers',
          'All content-preserving finalizers finished',
        ],
  ];
}

function writeStatus({ namespace, now }: Seen, findings: Finding[]): Action[] {
  const all: Finding[] = [
    ['NamespaceDeletionDiscoveryFailure', 'False', 'ResourcesDiscovered', 'All resources successfully discovered'],
    [
      'NamespaceDeletionGroupVersionParsingFailure',
      'False',
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    ],
    ...findings,
  ];
  const types = new Set(all.map(([type]) => type));
  const others = (namespace.status?.conditions ?? []).filter(({ type }) => !types.has(type));
  const conditions = [...others, ...all.map((finding) => conditionFrom(finding, namespace, now))];
  const status: Namespace['status'] = { ...namespace.status, phase: 'Terminating', conditions };
  if (equal(status, namespace.status)) return [];
  const object: Namespace = { ...namespace, status };
  return [{ do: 'status', kind: namespaceKind, object }];
}

function conditionFrom(
  [type, status, reason, message]: Finding,
  { status: before }: Namespace,
  now: number,
): NamespaceCondition {
  const current = conditionOf(before?.conditions, type);
  const same = current?.status === status && current.reason === reason && current.message === message;
  return { type, status, lastTransitionTime: (same && current.lastTransitionTime) || formatTime(now), reason, message };
}
