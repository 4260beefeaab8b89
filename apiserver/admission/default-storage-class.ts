/** Claims that name no storage class get the default one: of several, the newest. */
import type { PersistentVolumeClaim } from '#lib/kinds/gen/core-v1.ts';
import { persistentVolumeClaim } from '#lib/kinds/persistent-volume-claim.ts';
import { storageClass } from '#lib/kinds/storage-class.ts';
import { newestFirst } from './newest-first.ts';
import { creates } from './types.ts';
import type { AdmissionPlugin } from './types.ts';

const defaultKeys = ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class'];
const classKey = 'volume.beta.kubernetes.io/storage-class';

export const defaultStorageClass: AdmissionPlugin = {
  name: 'DefaultStorageClass',
  admit(request, look) {
    if (!creates(request, persistentVolumeClaim)) return;
    const { metadata, spec } = request.object as PersistentVolumeClaim;
    if (spec.storageClassName !== undefined || metadata.annotations?.[classKey] !== undefined) return;
    const [chosen] = [...look.list(storageClass, '')]
      .filter(({ metadata: { annotations } }) => defaultKeys.some((key) => annotations?.[key] === 'true'))
      .sort(newestFirst);
    if (chosen) spec.storageClassName = chosen.metadata.name;
  },
};
