/** Turns a pod's priorityClassName into its priority and preemption policy. */
import type { PriorityClass } from '#lib/kinds/gen/scheduling-v1.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { priorityClass } from '#lib/kinds/priority-class.ts';
import { forbidden } from '#lib/meta/errors.ts';
import type { AdmissionPlugin, AdmissionRequest, Lookup } from './types.ts';

/** The two classes every cluster has; the server creates them at start. */
export const systemPriorities = { 'system-cluster-critical': 2_000_000_000, 'system-node-critical': 2_000_001_000 };

export const priority: AdmissionPlugin = { name: 'Priority', admit, validate };

function admit({ operation, kind, name, subresource, object, before }: AdmissionRequest, look: Lookup): void {
  if (kind !== podKind || subresource !== '') return;
  const { spec } = object as Pod;
  if (operation === 'UPDATE') {
    // Whoever replaces a pod from its manifest does not know what was computed.
    spec.priority ??= (before as Pod).spec.priority;
    spec.preemptionPolicy ??= (before as Pod).spec.preemptionPolicy;
    return;
  }
  if (operation !== 'CREATE') return;
  const found = classFor(spec.priorityClassName, look);
  if (spec.priorityClassName && !found) {
    throw forbidden(kind, name, `no PriorityClass with name ${spec.priorityClassName} was found`);
  }
  const value = found?.value ?? 0;
  if (spec.priority !== undefined && spec.priority !== value) {
    throw forbidden(
      kind,
      name,
      `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
    );
  }
  const policy = found?.preemptionPolicy ?? 'PreemptLowerPriority';
  if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy) {
    throw forbidden(
      kind,
      name,
      `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
    );
  }
  if (found && !spec.priorityClassName) spec.priorityClassName = found.metadata.name;
  spec.priority = value;
  spec.preemptionPolicy = policy;
}

/** Only one class is the default. */
function validate({ operation, kind, name, object }: AdmissionRequest, look: Lookup): void {
  if (kind !== priorityClass || operation === 'DELETE' || (object as PriorityClass).globalDefault !== true) return;
  for (const other of look.list(priorityClass, '')) {
    if (other.globalDefault !== true || other.metadata.name === name) continue;
    throw forbidden(
      kind,
      name,
      `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`,
    );
  }
}

type Class = Pick<PriorityClass, 'value' | 'preemptionPolicy'> & { metadata: { name: string } };

/** The class by name, or the default class: of several, the one with the lowest value. */
function classFor(name: string | undefined, look: Lookup): Class | undefined {
  if (name === undefined || name === '') {
    const defaults = [...look.list(priorityClass, '')].filter((item) => item.globalDefault === true);
    return defaults.reduce<Class | undefined>((a, b) => (a && a.value <= b.value ? a : b), undefined);
  }
  const stored = look.get(priorityClass, { namespace: '', name });
  if (stored) return stored;
  const value = Object.hasOwn(systemPriorities, name) ? systemPriorities[name as keyof typeof systemPriorities] : 0;
  return value ? { value, metadata: { name } } : undefined;
}
