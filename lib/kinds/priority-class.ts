import { fieldForbidden, type FieldError } from '#lib/meta/errors.ts';
import { unchanged } from './checks/metadata.ts';
import { oneOf } from './checks/values.ts';
import { ageColumn, integer, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { PriorityClass } from './gen/scheduling-v1.ts';

/** The largest value a user may give; what lies above belongs to the system. */
const maxUserPriority = 1_000_000_000;
const systemClasses: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
};

export const priorityClass = defineKind<PriorityClass>({
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  description: 'A name for how important pods are.',
  plural: 'priorityclasses',
  short: ['pc'],
  namespaced: false,
  schema: 'io.k8s.api.scheduling.v1.PriorityClass',
  generation: () => false,
  defaults: (object) => {
    object.preemptionPolicy ??= 'PreemptLowerPriority';
  },
  check: (object, before) => (before ? checkChange(object, before) : checkNew(object)),
  columns: [
    nameColumn,
    integer('Value', ({ value }) => value),
    { name: 'Global-Default', type: 'boolean', value: ({ globalDefault }) => globalDefault ?? false },
    ageColumn,
    text('PreemptionPolicy', ({ preemptionPolicy }) => preemptionPolicy ?? ''),
  ],
});

function checkNew({ metadata, value, globalDefault = false, preemptionPolicy }: PriorityClass): FieldError[] {
  const faults: FieldError[] = [];
  if (metadata.name.startsWith('system-')) {
    const fault = systemFault(metadata.name, value, globalDefault);
    const reserved = "priority class names with 'system-' prefix are reserved for system use only";
    if (fault) faults.push(fieldForbidden('metadata.name', `${reserved}. error: ${fault}`));
  } else if (value > maxUserPriority) {
    faults.push(fieldForbidden('value', `maximum allowed value of a user defined priority is ${maxUserPriority}`));
  }
  return [...faults, ...oneOf('preemptionPolicy', preemptionPolicy, ['PreemptLowerPriority', 'Never'])];
}

function systemFault(name: string, value: number, globalDefault: boolean): string | undefined {
  const known = Object.hasOwn(systemClasses, name) ? systemClasses[name] : undefined;
  if (known === undefined) return `${name} is not a known system priority class`;
  if (value !== known) return `value of ${name} PriorityClass must be ${known}`;
  return globalDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined;
}

function checkChange(now: PriorityClass, before: PriorityClass): FieldError[] {
  return [
    ...(now.value === before.value ? [] : [fieldForbidden('value', 'may not be changed in an update.')]),
    ...unchanged('preemptionPolicy', now.preemptionPolicy, before.preemptionPolicy),
  ];
}
