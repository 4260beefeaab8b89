import { equal } from '#lib/meta/equal.ts';
import { duplicate, invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { goList } from '#lib/meta/go-text.ts';
import { unchanged } from './checks/metadata.ts';
import { optionalOneOf } from './checks/values.ts';
import { ageColumn, nameColumn, text, unset } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { CSIDriver, CSIDriverSpec, TokenRequest } from './gen/storage-v1.ts';

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
  check: ({ spec }, before) => [...checkSpec(spec), ...(before ? checkChange(spec, before.spec) : [])],
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

const modes: readonly string[] = ['Persistent', 'Ephemeral'];

function checkSpec(spec: CSIDriverSpec): FieldError[] {
  return [
    ...(spec.attachRequired === undefined ? [required('spec.attachedRequired')] : []),
    ...(spec.podInfoOnMount === undefined ? [required('spec.podInfoOnMount')] : []),
    ...(spec.storageCapacity === undefined ? [required('spec.storageCapacity')] : []),
    ...optionalOneOf('spec.fsGroupPolicy', spec.fsGroupPolicy, ['File', 'None', 'ReadWriteOnceWithFSType']),
    ...checkTokens('spec.tokenRequests', spec.tokenRequests),
    ...(spec.volumeLifecycleModes ?? [])
      .filter((mode) => !modes.includes(mode))
      .map((mode) => notSupported('spec.volumeLifecycleModes', mode, modes)),
    ...(spec.seLinuxMount === undefined ? [required('spec.seLinuxMount')] : []),
  ];
}

function checkTokens(path: string, requests: readonly TokenRequest[] | undefined): FieldError[] {
  const seen = new Set<string>();
  return (requests ?? []).flatMap(({ audience, expirationSeconds: seconds }, i) => {
    if (seen.has(audience)) return [duplicate(`${path}[${i}].audience`, audience)];
    seen.add(audience);
    const at = `${path}[${i}].expirationSeconds`;
    if (seconds === undefined) return [];
    if (seconds < 600) return [invalid(at, seconds, 'may not specify a duration less than 10 minutes')];
    return seconds > 2 ** 32 ? [invalid(at, seconds, 'may not specify a duration larger than 2^32 seconds')] : [];
  });
}

function checkChange(now: CSIDriverSpec, before: CSIDriverSpec): FieldError[] {
  const at = 'spec.volumeLifecycleModes';
  const shown = goList('storage.VolumeLifecycleMode', now.volumeLifecycleModes);
  return [
    ...unchanged('spec.attachedRequired', now.attachRequired, before.attachRequired),
    ...(equal(now.volumeLifecycleModes, before.volumeLifecycleModes) ? [] : [invalid(at, shown, 'field is immutable')]),
  ];
}
