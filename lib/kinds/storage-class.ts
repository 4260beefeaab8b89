import { equal } from '#lib/meta/equal.ts';
import { duplicate, fieldForbidden, invalid, required, tooLong, type FieldError } from '#lib/meta/errors.ts';
import { qualifiedNameFaults } from '#lib/meta/names.ts';
import { unchanged } from './checks/metadata.ts';
import { grammar, optionalOneOf } from './checks/values.ts';
import { ageColumn, nameColumn, text, unset } from './columns.ts';
import { labelWarning } from './checks/node-label-warnings.ts';
import { defineKind } from './define-kind.ts';
import type { TopologySelectorTerm } from './gen/core-v1.ts';
import type { StorageClass } from './gen/storage-v1.ts';

const defaultClass = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];

export const storageClass = defineKind<StorageClass>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'StorageClass',
  description: 'A sort of storage that claims can ask for.',
  plural: 'storageclasses',
  short: ['sc'],
  namespaced: false,
  schema: 'io.k8s.api.storage.v1.StorageClass',
  returnsDeleted: true,
  defaults: (object) => {
    object.reclaimPolicy ??= 'Delete';
    object.volumeBindingMode ??= 'Immediate';
  },
  check: (object, before) => (before ? checkChange(object, before) : checkNew(object)),
  warnings: ({ allowedTopologies = [] }) =>
    allowedTopologies.flatMap(({ matchLabelExpressions = [] }, i) =>
      matchLabelExpressions.flatMap(({ key }, j) => {
        const warning = labelWarning(key);
        const at = `allowedTopologies[${i}].matchLabelExpressions[${j}].key`;
        return warning ? [`${at}: ${warning}`] : [];
      }),
    ),
  columns: [
    {
      ...nameColumn,
      value: ({ metadata }) => {
        const isDefault = defaultClass.some((key) => metadata.annotations?.[key] === 'true');
        return isDefault ? `${metadata.name} (default)` : metadata.name;
      },
    },
    text('Provisioner', ({ provisioner }) => provisioner),
    text('ReclaimPolicy', ({ reclaimPolicy }) => reclaimPolicy ?? 'Delete'),
    text('VolumeBindingMode', ({ volumeBindingMode }) => volumeBindingMode ?? unset),
    text('AllowVolumeExpansion', ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false),
    ageColumn,
  ],
});

const maxParameters = 512;
const maxParameterBytes = 256 * 1024;

function checkNew({ provisioner, parameters = {}, reclaimPolicy, ...object }: StorageClass): FieldError[] {
  const mode = object.volumeBindingMode;
  const modes = ['Immediate', 'WaitForFirstConsumer'];
  return [
    ...(provisioner
      ? grammar('provisioner', provisioner.toLowerCase(), qualifiedNameFaults)
      : [required('provisioner')]),
    ...checkParameters(parameters),
    ...(reclaimPolicy ? optionalOneOf('reclaimPolicy', reclaimPolicy, ['Delete', 'Retain']) : []),
    ...(mode === undefined ? [required('volumeBindingMode')] : optionalOneOf('volumeBindingMode', mode, modes)),
    ...checkTopologies(object.allowedTopologies),
  ];
}

function checkParameters(parameters: Readonly<Record<string, string>>): FieldError[] {
  const path = 'parameters';
  const entries = Object.entries(parameters);
  if (entries.length > maxParameters) return [tooLong(path, maxParameters)];
  const encoder = new TextEncoder();
  const sizeBytes = entries.reduce((sum, [key, value]) => sum + encoder.encode(key + value).length, 0);
  return [
    ...(Object.hasOwn(parameters, '') ? [invalid(path, '', 'field can not be empty.')] : []),
    ...(sizeBytes > maxParameterBytes ? [tooLong(path, maxParameterBytes)] : []),
  ];
}

/** Where volumes may be made: no part of the cluster is named twice. */
function checkTopologies(terms: readonly TopologySelectorTerm[] = []): FieldError[] {
  const seen = new Set<string>();
  return terms.flatMap(({ matchLabelExpressions = [] }, i) => {
    const path = `allowedTopologies[${i}].matchLabelExpressions`;
    const meant = new Map<string, string[]>();
    const faults = matchLabelExpressions.flatMap(({ key, values }, j) => {
      const at = `${path}[${j}]`;
      const isTwice = meant.has(key);
      const distinct = new Set<string>();
      meant.set(key, []);
      return [
        ...(values.length === 0 ? [required(`${at}.values`)] : []),
        ...values.flatMap((value, k) => {
          if (distinct.has(value)) return [duplicate(`${at}.values[${k}]`, value)];
          distinct.add(value);
          meant.get(key)!.push(value);
          return [];
        }),
        ...grammar(`${at}.key`, key, qualifiedNameFaults),
        ...(isTwice ? [duplicate(`${at}.key`, key)] : []),
      ];
    });
    // Neither keys nor values have an order.
    const identity = JSON.stringify([...meant].map(([key, values]) => JSON.stringify([key, values.sort()])).sort());
    if (seen.has(identity)) faults.push(duplicate(path, ''));
    seen.add(identity);
    return faults;
  });
}

function checkChange(now: StorageClass, before: StorageClass): FieldError[] {
  const faults: FieldError[] = [];
  for (const name of ['parameters', 'provisioner'] as const) {
    if (!equal(now[name], before[name])) faults.push(fieldForbidden(name, `updates to ${name} are forbidden.`));
  }
  if (now.reclaimPolicy !== before.reclaimPolicy) {
    faults.push(fieldForbidden('reclaimPolicy', 'updates to reclaimPolicy are forbidden.'));
  }
  return [...faults, ...unchanged('volumeBindingMode', now.volumeBindingMode, before.volumeBindingMode)];
}
