/** What a pod names that its node needs, as upstream's `pkg/api/pod/util.go` and `plugin/pkg/auth/authorizer/node/graph.go`. Pure. */
import type { Container, Pod, Volume } from '#lib/kinds/gen/core-v1.ts';

export type Referenced = 'secrets' | 'configmaps' | 'persistentvolumeclaims' | 'serviceaccounts';

/** `plural/name`, each once, all in the pod's namespace. */
export function referencesOf(pod: Pod): Set<string> {
  const found = new Set<string>();
  const add = (kind: Referenced, name: string | undefined) => {
    if (name) found.add(`${kind}/${name}`);
  };
  const { spec } = pod;
  add('serviceaccounts', spec.serviceAccountName || 'default');
  for (const { name } of spec.imagePullSecrets ?? []) add('secrets', name);
  for (const container of [
    ...(spec.initContainers ?? []),
    ...(spec.containers ?? []),
    ...((spec.ephemeralContainers ?? []) as Container[]),
  ]) {
    addEnvironment(container, add);
  }
  for (const volume of spec.volumes ?? []) addVolume(volume, pod.metadata.name, add);
  return found;
}

type Add = (kind: Referenced, name: string | undefined) => void;

function addEnvironment({ env = [], envFrom = [] }: Container, add: Add): void {
  for (const { valueFrom } of env) {
    add('secrets', valueFrom?.secretKeyRef?.name);
    add('configmaps', valueFrom?.configMapKeyRef?.name);
  }
  for (const { secretRef, configMapRef } of envFrom) {
    add('secrets', secretRef?.name);
    add('configmaps', configMapRef?.name);
  }
}

function addVolume(volume: Volume, pod: string, add: Add): void {
  add('secrets', volume.secret?.secretName);
  add('configmaps', volume.configMap?.name);
  add('persistentvolumeclaims', volume.persistentVolumeClaim?.claimName);
  if (volume.ephemeral) add('persistentvolumeclaims', `${pod}-${volume.name}`);
  for (const { secret, configMap } of volume.projected?.sources ?? []) {
    add('secrets', secret?.name);
    add('configmaps', configMap?.name);
  }
  for (const held of [
    volume.csi?.nodePublishSecretRef,
    volume.cephfs?.secretRef,
    volume.iscsi?.secretRef,
    volume.rbd?.secretRef,
    volume.flexVolume?.secretRef,
    volume.scaleIO?.secretRef,
    volume.storageos?.secretRef,
  ])
    add('secrets', held?.name);
  add('secrets', volume.azureFile?.secretName);
}
