/** A claim grows only once it is bound, and only where its class can make volumes grow. */
import type { PersistentVolumeClaim } from '#lib/kinds/gen/core-v1.ts';
import { persistentVolumeClaim } from '#lib/kinds/persistent-volume-claim.ts';
import { storageClassOf } from '#lib/kinds/persistent-volume.ts';
import { storageClass } from '#lib/kinds/storage-class.ts';
import { parseQuantity } from '#lib/meta/quantities.ts';
import { refusal } from './types.ts';
import type { AdmissionPlugin } from './types.ts';

export const claimResize: AdmissionPlugin = {
  name: 'PersistentVolumeClaimResize',
  validate(request, look) {
    const { operation, kind, subresource, object, before } = request;
    if (operation !== 'UPDATE' || kind !== persistentVolumeClaim || subresource !== '') return;
    const [now, was] = [object as PersistentVolumeClaim, before as PersistentVolumeClaim];
    if (sizeOf(now) <= sizeOf(was)) return;
    if (was.status?.phase !== 'Bound') throw refusal(request, 'Only bound persistent volume claims can be expanded');
    const name = classOf(now);
    const grows =
      name !== '' &&
      name === classOf(was) &&
      look.get(storageClass, { namespace: '', name })?.allowVolumeExpansion === true;
    if (!grows) {
      throw refusal(
        request,
        'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
      );
    }
  },
};

function sizeOf({ spec }: PersistentVolumeClaim): bigint {
  return parseQuantity(spec.resources?.requests?.['storage'] ?? 0);
}

function classOf({ metadata, spec }: PersistentVolumeClaim): string {
  return storageClassOf(metadata.annotations, spec.storageClassName);
}
