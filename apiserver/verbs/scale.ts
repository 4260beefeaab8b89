/** The scale subresource: replicas of any scalable kind, read and written as autoscaling/v1 Scale. */
import { ageColumn, integer, nameColumn } from '#lib/kinds/columns.ts';
import type { Column, Kind } from '#lib/kinds/define-kind.ts';
import type { Scale } from '#lib/kinds/gen/autoscaling-v1.ts';
import { invalid, invalidObject } from '#lib/meta/errors.ts';
import type { Ref, Resource } from '#lib/meta/object.ts';
import { decodeBody } from './decode.ts';
import type { ObjectType } from './decode.ts';

/** What bodies of the subresource are decoded as. A Scale is never stored, so it is no kind. */
export const scaleType: ObjectType = {
  group: 'autoscaling',
  apiVersion: 'autoscaling/v1',
  kind: 'Scale',
  schema: 'io.k8s.api.autoscaling.v1.Scale',
};

/** What a table tells of a Scale. */
export const scaleColumns: readonly Column<Resource>[] = [
  nameColumn,
  integer('Desired', (scale: Scale) => scale.spec?.replicas ?? 0),
  integer('Available', (scale: Scale) => scale.status?.replicas ?? 0),
  ageColumn,
];

/** The Scale of an object. */
export function scaleOf(kind: Kind, object: Resource): Resource {
  const access = kind.scale!;
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = access.replicas(object);
  const scale: Scale = {
    kind: scaleType.kind,
    apiVersion: scaleType.apiVersion,
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: replicas ? { replicas } : {},
    status: { replicas: access.status(object), selector: access.selector(object) },
  };
  return scale;
}

/** An applied Scale as a configuration of the object itself, which is where its fields are owned. */
export function configOfScale(
  kind: Kind,
  { name }: Ref,
  body: unknown,
): { config: object; resourceVersion: string | undefined } {
  const { metadata } = decodeBody<Scale>(scaleType, body);
  // To apply no replicas is other than to apply none.
  const { replicas } = (body as Scale).spec ?? {};
  return {
    config: {
      apiVersion: kind.apiVersion,
      kind: kind.kind,
      metadata: { name },
      ...(replicas !== undefined && { spec: { replicas } }),
    },
    resourceVersion: metadata?.resourceVersion,
  };
}

/** `object` with the replicas that the Scale asks for; throws Invalid for a number that cannot be. */
export function setScale(kind: Kind, object: Resource, scale: Resource): Resource {
  const replicas = (scale as Scale).spec?.replicas ?? 0;
  if (replicas < 0) {
    throw invalidObject(scaleType, object.metadata.name, [
      invalid('spec.replicas', replicas, 'must be greater than or equal to 0'),
    ]);
  }
  kind.scale!.setReplicas(object, replicas);
  object.metadata.resourceVersion = scale.metadata.resourceVersion;
  return object;
}
