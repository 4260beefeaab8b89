/** The name, host name, labels and volumes that a StatefulSet's pod keeps for life. */
import type { StatefulSet } from '#lib/kinds/gen/apps-v1.ts';
import type { PersistentVolumeClaim, Pod, PodTemplateSpec } from '#lib/kinds/gen/core-v1.ts';
import type { Draft, OwnerReference } from '#lib/meta/object.ts';
import { controllerRef } from '#lib/meta/owners.ts';
import { podFrom } from '../replica-set/decide.ts';
import { revisionLabel } from '../revisions.ts';

const nameLabel = 'statefulset.kubernetes.io/pod-name';
const indexLabel = 'apps.kubernetes.io/pod-index';

export function startOf({ spec }: StatefulSet): number {
  return spec.ordinals?.start ?? 0;
}

export function podName(set: StatefulSet, ordinal: number): string {
  return `${set.metadata.name}-${ordinal}`;
}

/** The ordinal of a pod by its name; undefined when it is not named as this set's are. */
export function ordinalOf(set: StatefulSet, { metadata }: { metadata: { name: string } }): number | undefined {
  const match = /^(.*)-(\d+)$/.exec(metadata.name);
  return match?.[1] === set.metadata.name ? Number(match[2]) : undefined;
}

/** The pod with this ordinal, of a template and its revision. */
export function draftPod(set: StatefulSet, ordinal: number, template: PodTemplateSpec, revision: string): Draft<Pod> {
  const draft = podFrom(template, set);
  const { generateName: _, ...metadata } = draft.metadata;
  const name = podName(set, ordinal);
  const claims = (set.spec.volumeClaimTemplates ?? []).map(({ metadata: { name: volume } }) => ({
    name: volume,
    persistentVolumeClaim: { claimName: claimName(set, volume, ordinal) },
  }));
  const claimed = new Set(claims.map((claim) => claim.name));
  const others = (draft.spec.volumes ?? []).filter((volume) => !claimed.has(volume.name));
  return {
    ...draft,
    metadata: {
      ...metadata,
      name,
      labels: { ...metadata.labels, [nameLabel]: name, [indexLabel]: `${ordinal}`, [revisionLabel]: revision },
    },
    spec: {
      ...draft.spec,
      hostname: name,
      subdomain: set.spec.serviceName,
      ...(claims.length + others.length > 0 && { volumes: [...claims, ...others] }),
    },
  };
}

/** The labels a pod of this set must have, whatever became of it. */
export function identityLabels(set: StatefulSet, ordinal: number): Record<string, string> {
  return { [nameLabel]: podName(set, ordinal), [indexLabel]: `${ordinal}` };
}

function claimName(set: StatefulSet, volume: string, ordinal: number): string {
  return `${volume}-${podName(set, ordinal)}`;
}

/** The claims that a pod with this ordinal needs. */
export function draftClaims(set: StatefulSet, ordinal: number): Draft<PersistentVolumeClaim>[] {
  return (set.spec.volumeClaimTemplates ?? []).map(({ metadata, spec }) => ({
    metadata: {
      name: claimName(set, metadata.name, ordinal),
      namespace: set.metadata.namespace,
      labels: { ...metadata.labels, ...set.spec.selector.matchLabels },
      ...(metadata.annotations && { annotations: metadata.annotations }),
    },
    spec,
  }));
}

/**
 * Who owns a claim under the set's retention policy: the set when claims go with it, the pod when it is scaled away and claims go
 * then; nobody by default.
 */
export function claimOwners(set: StatefulSet, pod: Pod | undefined, condemned: boolean): OwnerReference[] {
  const { whenDeleted = 'Retain', whenScaled = 'Retain' } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
  if (whenScaled === 'Delete' && condemned && pod) {
    const { apiVersion, kind, metadata } = pod;
    return [{ apiVersion, kind, name: metadata.name, uid: metadata.uid }];
  }
  return whenDeleted === 'Delete' ? [controllerRef(set)] : [];
}
