import { unchanged } from './checks/metadata.ts';
import { optionalOneOf } from './checks/values.ts';
import { ageColumn, nameColumn, text, unset } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { CSIDriver } from './gen/storage-v1.ts';

export const csiDriver = defineKind<CSIDriver>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIDriver',
  description: 'A storage driver of the cluster, and how it wants to be used.',
  plural: 'csidrivers',
  namespaced: false,
  namesVersion: true,
  schema: 'io.k8s.api.storage.v1.CSIDriver',
  returnsDeleted: true,
  generation: true,
  defaults: ({ spec }) => {
    spec.attachRequired ??= true;
    spec.podInfoOnMount ??= false;
    spec.storageCapacity ??= false;
    spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType';
    if (!spec.volumeLifecycleModes?.length) spec.volumeLifecycleModes = ['Persistent'];
    spec.requiresRepublish ??= false;
    spec.seLinuxMount ??= false;
  },
  check: ({ spec }, before) => [
    ...optionalOneOf('spec.fsGroupPolicy', spec.fsGroupPolicy, ['File', 'None', 'ReadWriteOnceWithFSType']),
    ...(spec.volumeLifecycleModes ?? []).flatMap((mode, i) =>
      optionalOneOf(`spec.volumeLifecycleModes[${i}]`, mode, ['Ephemeral', 'Persistent']),
    ),
    ...(before ? unchanged('spec.attachRequired', spec.attachRequired, before.spec.attachRequired) : []),
    ...(before
      ? unchanged('spec.volumeLifecycleModes', spec.volumeLifecycleModes, before.spec.volumeLifecycleModes)
      : []),
  ],
  columns: [
    nameColumn,
    { name: 'AttachRequired', type: 'boolean', value: ({ spec }) => spec.attachRequired ?? true },
    { name: 'PodInfoOnMount', type: 'boolean', value: ({ spec }) => spec.podInfoOnMount ?? false },
    { name: 'StorageCapacity', type: 'boolean', value: ({ spec }) => spec.storageCapacity ?? false },
    text('TokenRequests', ({ spec }) => (spec.tokenRequests ?? []).map(({ audience }) => audience).join(',') || unset),
    { name: 'RequiresRepublish', type: 'boolean', value: ({ spec }) => spec.requiresRepublish ?? false },
    text('Modes', ({ spec }) => (spec.volumeLifecycleModes ?? []).join(',') || '<none>'),
    ageColumn,
  ],
});
