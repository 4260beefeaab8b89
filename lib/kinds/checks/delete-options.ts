/** Faults of the options of a request. */
import { invalid, type FieldError } from '#lib/meta/errors.ts';
import { goQuote } from '#lib/meta/go-text.ts';

interface DeleteOptions {
  propagationPolicy?: string | undefined;
  orphanDependents?: boolean | undefined;
  dryRun?: readonly string[] | undefined;
}

const policies = ['Foreground', 'Background', 'Orphan'];

/** Faults of what says how to delete. */
export function deleteOptionsFaults(options: DeleteOptions): FieldError[] {
  return [...policyFaults(options), ...dryRunFaults(options.dryRun ?? [])];
}

function policyFaults({ propagationPolicy: policy, orphanDependents }: DeleteOptions): FieldError[] {
  const field = 'propagationPolicy';
  if (policy === undefined) return [];
  const faults: FieldError[] = [];
  if (orphanDependents !== undefined) {
    faults.push(invalid(field, policy, 'orphanDependents and deletionPropagation cannot be both set'));
  }
  if (!policies.includes(policy)) {
    // Not in the order of the alphabet, as all others are.
    const supported = [...policies, 'nil'].map(goQuote).join(', ');
    const message = `Unsupported value: ${goQuote(policy)}: supported values: ${supported}`;
    faults.push({ field, reason: 'FieldValueNotSupported', message });
  }
  return faults;
}

/** Faults of what says whether to write at all. */
export function dryRunFaults(values: readonly string[]): FieldError[] {
  if (values.every((value) => value === 'All')) return [];
  const message = `Unsupported value: []string{${values.map(goQuote).join(', ')}}: supported values: "All"`;
  return [{ field: 'dryRun', reason: 'FieldValueNotSupported', message }];
}
