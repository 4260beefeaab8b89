/** Subresources that write one part of an object: which part of the written object counts, over what is stored. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { Resource } from '#lib/meta/object.ts';

/** The stored object with the named part taken from `next`. */
export type Part = (next: Resource, before: Resource) => Resource;

type Loose = Resource & { spec?: Record<string, unknown>; status?: Record<string, unknown> };

const ofSpec =
  (field: string): Part =>
  (next, before) => {
    const value = (next as Loose).spec?.[field];
    const spec = { ...(before as Loose).spec };
    if (value === undefined) delete spec[field];
    else spec[field] = value;
    return { ...before, metadata: next.metadata, spec } as Resource;
  };

/** Containers keep everything but their resources. */
const resources: Part = (next, before) => {
  const wanted = ((next as Loose).spec?.['containers'] ?? []) as { name: string; resources?: unknown }[];
  const containers = (((before as Loose).spec?.['containers'] ?? []) as { name: string }[]).map((container) => {
    const change = wanted.find((item) => item.name === container.name);
    return change ? { ...container, resources: change.resources ?? {} } : container;
  });
  return { ...before, metadata: next.metadata, spec: { ...(before as Loose).spec, containers } } as Resource;
};

/** A decision on a certificate request: conditions alone. */
const approval: Part = (next, before) => {
  const conditions = (next as Loose).status?.['conditions'] ?? [];
  return { ...before, status: { ...(before as Loose).status, conditions } } as Resource;
};

const parts: Readonly<Record<string, Part>> = {
  'pods/ephemeralcontainers': ofSpec('ephemeralContainers'),
  'pods/resize': resources,
  'namespaces/finalize': ofSpec('finalizers'),
  'certificatesigningrequests/approval': approval,
};

/** The part that this subresource writes; undefined when it writes none. */
export function partOf(kind: Kind, subresource: string): Part | undefined {
  return parts[`${kind.plural}/${subresource}`];
}
