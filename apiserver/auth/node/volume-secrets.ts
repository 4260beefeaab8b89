/** Secrets that a volume names and its node needs to use it, as upstream's `pkg/api/persistentvolume/util.go`. Pure. */
import type { PersistentVolume, SecretReference } from '#lib/kinds/gen/core-v1.ts';

/** Where no namespace is said, it is that of the volume's claim. */
export function volumeSecretsOf({ spec }: PersistentVolume): { namespace: string; name: string }[] {
  const own = spec.claimRef?.namespace ?? '';
  const { azureFile, cephfs, cinder, csi, flexVolume, iscsi, rbd, scaleIO, storageos } = spec;
  const references: (SecretReference | undefined)[] = [
    azureFile && { name: azureFile.secretName, namespace: azureFile.secretNamespace },
    cephfs?.secretRef,
    cinder?.secretRef,
    flexVolume?.secretRef,
    rbd?.secretRef,
    scaleIO?.secretRef,
    iscsi?.secretRef,
    storageos?.secretRef,
    csi?.nodePublishSecretRef,
    csi?.nodeStageSecretRef,
    csi?.nodeExpandSecretRef,
  ];
  return references.flatMap((reference) =>
    reference?.name ? [{ namespace: reference.namespace || own, name: reference.name }] : [],
  );
}
