import { fieldForbidden, type FieldError } from '#lib/meta/errors.ts';
import { optionalOneOf } from './checks/values.ts';
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
  check: (object, before) => [...checkValue(object), ...(before ? checkChange(object, before) : [])],
  columns: [
    nameColumn,
    integer('Value', ({ value }) => value),
    { name: 'Global-Default', type: 'boolean', value: ({ globalDefault }) => globalDefault ?? false },
    ageColumn,
    text('PreemptionPolicy', ({ preemptionPolicy }) => preemptionPolicy ?? ''),
  ],
});

function checkValue({ metadata, value, preemptionPolicy }: PriorityClass): FieldError[] {
  const faults = optionalOneOf('preemptionPolicy', preemptionPolicy, ['PreemptLowerPriority', 'Never']);
  if (metadata.name.startsWith('system-')) {
    if (systemClasses[metadata.name] !== value) {
      faults.push(
        fieldForbidden('metadata.name', "priority class names with 'system-' prefix are reserved for system use only"),
      );
    }
  } else if (value > maxUserPriority) {
    faults.push(fieldForbidden('value', `maximum allowed value of a user defined priority is ${maxUserPriority}`));
  }
  return faults;
}

function checkChange(now: PriorityClass, before: PriorityClass): FieldError[] {
  const faults: FieldError[] = [];
  if (now.value !== before.value) faults.push(fieldForbidden('value', 'may not be changed in an update.'));
  if (now.preemptionPolicy !== before.preemptionPolicy) {
    faults.push({
      field: 'preemptionPolicy',
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${JSON.stringify(now.preemptionPolicy)}: field is immutable`,
    });
  }
  return faults;
}
