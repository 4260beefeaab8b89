/** The scale subresource: replicas of any scalable kind, read and written as autoscaling/v1 Scale. */
import { defineKind } from '#lib/kinds/define-kind.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { Scale } from '#lib/kinds/gen/autoscaling-v1.ts';
import { invalid, invalidObject } from '#lib/meta/errors.ts';
import type { Resource } from '#lib/meta/object.ts';

/** Scale as a kind of its own, so that its bodies are decoded and patched like others. It is never stored. */
export const scaleKind: Kind = defineKind<Scale>({
  group: 'autoscaling',
  version: 'v1',
  kind: 'Scale',
  description: 'How many replicas something has, and should have.',
  plural: 'scales',
  namespaced: true,
  schema: 'io.k8s.api.autoscaling.v1.Scale',
  verbs: [],
});

/** The Scale of an object. */
export function scaleOf(kind: Kind, object: Resource): Resource {
  const access = kind.scale!;
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = access.replicas(object);
  const scale: Scale = {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: replicas ? { replicas } : {},
    status: { replicas: access.status(object), selector: access.selector(object) },
  };
  return scale;
}

/** `object` with the replicas that the Scale asks for; throws Invalid for a number that cannot be. */
export function setScale(kind: Kind, object: Resource, scale: Resource): Resource {
  const replicas = (scale as Scale).spec?.replicas ?? 0;
  if (replicas < 0) {
    throw invalidObject(scaleKind, object.metadata.name, [
      invalid('spec.replicas', replicas, 'must be greater than or equal to 0'),
    ]);
  }
  kind.scale!.setReplicas(object, replicas);
  object.metadata.resourceVersion = scale.metadata.resourceVersion;
  return object;
}
