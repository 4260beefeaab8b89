/** Faults of conditions of the common form (upstream's `ValidateConditions`). */
import { duplicate, invalid, notSupported, required, tooLong, type FieldError } from '#lib/meta/errors.ts';
import type { Condition } from '#lib/meta/conditions.ts';
import { qualifiedNameFaults } from '#lib/meta/names.ts';
import { grammar } from './values.ts';

type Conditions = readonly (Partial<Condition> & { observedGeneration?: number | undefined })[] | undefined;

const maxReasonLength = 1024;
const maxMessageLength = 32 * 1024;
const reasonPattern = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?';

export function checkConditions(path: string, conditions: Conditions): FieldError[] {
  const seen = new Set<string>();
  return (conditions ?? []).flatMap((condition, i) => {
    const at = `${path}[${i}]`;
    const { type = '', status = '', reason = '', message = '', observedGeneration = 0 } = condition;
    const isTwice = seen.has(type);
    seen.add(type);
    return [
      ...(isTwice ? [duplicate(`${at}.type`, type)] : []),
      ...grammar(`${at}.type`, type, qualifiedNameFaults),
      ...(['False', 'True', 'Unknown'].includes(status)
        ? []
        : [notSupported(`${at}.status`, status, ['False', 'True', 'Unknown'])]),
      ...(observedGeneration < 0
        ? [invalid(`${at}.observedGeneration`, observedGeneration, 'must be greater than or equal to zero')]
        : []),
      ...(condition.lastTransitionTime ? [] : [required(`${at}.lastTransitionTime`, 'must be set')]),
      ...(reason ? checkReason(`${at}.reason`, reason) : [required(`${at}.reason`, 'must be set')]),
      ...(message.length > maxMessageLength ? [tooLong(`${at}.message`, maxMessageLength)] : []),
    ];
  });
}

function checkReason(path: string, reason: string): FieldError[] {
  const faults: FieldError[] = [];
  if (!/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/.test(reason)) {
    const rule = 'a condition reason must start with alphabetic character, optionally followed by a string of';
    const rest = `alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'`;
    const examples = "'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB'";
    const detail = `${rule} ${rest} (e.g. ${examples}, regex used for validation is '${reasonPattern}')`;
    faults.push(invalid(path, reason, detail));
  }
  return reason.length > maxReasonLength ? [...faults, tooLong(path, maxReasonLength)] : faults;
}
