/** The ReplicaSet that has a Deployment's current template. */
import type { Deployment, ReplicaSet } from '#lib/kinds/gen/apps-v1.ts';
import type { PodTemplateSpec } from '#lib/kinds/gen/core-v1.ts';
import { equal } from '#lib/meta/equal.ts';
import { hashOf } from '#lib/meta/hash.ts';
import type { Draft } from '#lib/meta/object.ts';
import { controllerRef } from '#lib/meta/owners.ts';
import { freshAnnotations } from './annotations.ts';
import { byCreation } from './numbers.ts';

const hashLabel = 'pod-template-hash';

/** The oldest of `sets` whose template is the Deployment's, the hash label apart. */
export function findNewest({ spec }: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  const wanted = withoutHash(spec.template);
  return sets.toSorted(byCreation).find((set) => equal(withoutHash(set.spec.template ?? {}), wanted));
}

/** The name that the set for the current template gets: the same each time until collisionCount rises. */
export function newestName({ spec, status, metadata }: Deployment): string {
  return `${metadata.name}-${hashOf(spec.template, status?.collisionCount)}`;
}

/** The set to create for the current template. */
export function draftNewest(deployment: Deployment, replicas: number, revision: number): Draft<ReplicaSet> {
  const { spec, metadata } = deployment;
  const name = newestName(deployment);
  const hash = name.slice(metadata.name.length + 1);
  const labels = { ...spec.template.metadata?.labels, [hashLabel]: hash };
  const { selector, template, minReadySeconds } = spec;
  return {
    metadata: {
      name,
      namespace: metadata.namespace,
      labels,
      annotations: freshAnnotations(deployment, revision),
      ownerReferences: [controllerRef(deployment)],
    },
    spec: {
      replicas,
      ...(minReadySeconds && { minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [hashLabel]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}

function withoutHash(template: PodTemplateSpec): PodTemplateSpec {
  const labels = { ...template.metadata?.labels };
  delete labels[hashLabel];
  const { creationTimestamp: _, ...metadata } = template.metadata ?? {};
  return { ...template, metadata: { ...metadata, labels } };
}
