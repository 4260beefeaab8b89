/** Subresources that write one part of an object: which part of the written object counts, over what is stored. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { equal } from '#lib/meta/equal.ts';
import type { Resource } from '#lib/meta/object.ts';

/** The stored object with the named part taken from `next`. */
export type Part = (next: Resource, before: Resource) => Resource;

type Loose = Resource & { spec?: Record<string, unknown>; status?: Record<string, unknown> };

/** Takes one field of the spec. Of a namespace its metadata may change along with it, of a pod nothing else may. */
const ofSpec =
  (field: string, keepsMetadata: boolean): Part =>
  (next, before) => {
    const value = (next as Loose).spec?.[field];
    const spec = { ...(before as Loose).spec };
    if (value === undefined) delete spec[field];
    else spec[field] = value;
    return { ...before, metadata: keepsMetadata ? before.metadata : next.metadata, spec } as Resource;
  };

/** Containers keep everything but their resources. Whose may change, and that there are no other containers, is for validation to say. */
const resources: Part = (next, before) => {
  const { spec } = before as Loose;
  const lists = ['initContainers', 'containers'];
  const resized = lists.flatMap((list) => {
    const wanted = containersOf(next, list);
    const containers = containersOf(before, list);
    if (!equal(namesOf(wanted), namesOf(containers))) return [[list, wanted]];
    return containers.length === 0 ? [] : [[list, withResources(containers, wanted)]];
  });
  return { ...before, spec: { ...spec, ...Object.fromEntries(resized) } } as Resource;
};

interface Container {
  name: string;
  resources?: object;
}

function withResources(before: readonly Container[], wanted: readonly Container[]): readonly Container[] {
  return before.map((container, i) => ({ ...container, resources: wanted[i]!.resources ?? {} }));
}

/** In their order. */
function namesOf(containers: readonly Container[]): string[] {
  return containers.map(({ name }) => name);
}

function containersOf(object: Resource, list: string): readonly Container[] {
  return ((object as Loose).spec?.[list] ?? []) as Container[];
}

/** A decision on a certificate request: of its status, conditions alone. */
const approval: Part = (next, before) => {
  const conditions = (next as Loose).status?.['conditions'] ?? [];
  const status = { ...(before as Loose).status, conditions };
  return { ...before, metadata: next.metadata, status } as Resource;
};

const parts: Readonly<Record<string, Part>> = {
  'pods/ephemeralcontainers': ofSpec('ephemeralContainers', true),
  'pods/resize': resources,
  'namespaces/finalize': ofSpec('finalizers', false),
  'certificatesigningrequests/approval': approval,
};

/** The part that this subresource writes; undefined when it writes none. */
export function partOf(kind: Kind, subresource: string): Part | undefined {
  return parts[`${kind.plural}/${subresource}`];
}
