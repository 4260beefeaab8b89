/** Faults of what a job says about when it has failed and when it has succeeded. */
import {
  duplicate,
  invalid,
  invalidUnshown,
  notSupported,
  required,
  tooLong,
  tooMany,
  type FieldError,
} from '#lib/meta/errors.ts';
import { goList, goQuote } from '#lib/meta/go-text.ts';
import { qualifiedNameFaults } from '#lib/meta/names.ts';
import { grammar, nonNegative } from './checks/values.ts';
import type {
  JobSpec,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyOnPodConditionsPattern,
  PodFailurePolicyRule,
  SuccessPolicyRule,
} from './gen/batch-v1.ts';

type Faults = FieldError[];

const maxRules = 20;
const maxExitCodes = 255;
const maxIndexesBytes = 64 * 1024;

/** A condition in a rule means that it holds. */
export function setFailurePolicyDefaults({ podFailurePolicy }: JobSpec): void {
  for (const { onPodConditions } of podFailurePolicy?.rules ?? []) {
    for (const pattern of onPodConditions ?? []) pattern.status ||= 'True';
  }
}

/** When pods that fail make the job fail, and when they do not count. */
export function checkFailurePolicy(path: string, spec: JobSpec): Faults {
  if (!spec.podFailurePolicy) return [];
  const { rules } = spec.podFailurePolicy;
  const { containers = [], initContainers = [] } = spec.template.spec ?? {};
  const names = new Set([...containers, ...initContainers].map(({ name }) => name));
  return [
    ...(rules.length > maxRules ? [tooMany(`${path}.rules`, rules.length, maxRules)] : []),
    ...rules.flatMap((rule, i) => checkRule(`${path}.rules[${i}]`, rule, spec, names)),
  ];
}

function checkRule(path: string, rule: PodFailurePolicyRule, spec: JobSpec, names: ReadonlySet<string>): Faults {
  const { action, onExitCodes, onPodConditions = [] } = rule;
  const at = `${path}.action`;
  const faults: Faults = [];
  if (action === 'FailIndex') {
    if (spec.backoffLimitPerIndex === undefined) {
      faults.push(invalid(at, action, 'requires the backoffLimitPerIndex to be set'));
    }
  } else faults.push(...listed(at, action, ['Count', 'FailIndex', 'FailJob', 'Ignore']));
  if (onExitCodes) faults.push(...checkExitCodes(`${path}.onExitCodes`, onExitCodes, names));
  if (onPodConditions.length > 0) faults.push(...checkConditions(`${path}.onPodConditions`, onPodConditions));
  if (onExitCodes && onPodConditions.length > 0) {
    faults.push(invalidUnshown(path, 'specifying both OnExitCodes and OnPodConditions is not supported'));
  }
  if (!onExitCodes && onPodConditions.length === 0) {
    faults.push(invalidUnshown(path, 'specifying one of OnExitCodes and OnPodConditions is required'));
  }
  return faults;
}

/** As oneOf(), but what is missing is told what it could be. */
function listed(path: string, value: string | undefined, supported: readonly string[]): Faults {
  if (!value) return [required(path, `valid values: [${supported.map(goQuote).join(' ')}]`)];
  return supported.includes(value) ? [] : [notSupported(path, value, supported)];
}

function checkExitCodes(
  path: string,
  { operator, containerName, values }: PodFailurePolicyOnExitCodesRequirement,
  names: ReadonlySet<string>,
): Faults {
  const faults = listed(`${path}.operator`, operator, ['In', 'NotIn']);
  if (containerName !== undefined && !names.has(containerName)) {
    const detail = 'must be one of the container or initContainer names in the pod template';
    faults.push(invalid(`${path}.containerName`, containerName, detail));
  }
  const at = `${path}.values`;
  const shown = () => goList('int32', values);
  if (values.length === 0) faults.push(invalid(at, shown(), 'at least one value is required'));
  if (values.length > maxExitCodes) faults.push(tooMany(at, values.length, maxExitCodes));
  const seen = new Set<number>();
  for (const [i, value] of values.entries()) {
    if (operator === 'In' && value === 0) {
      faults.push(invalid(`${at}[${i}]`, value, 'must not be 0 for the In operator'));
    }
    if (seen.has(value)) faults.push(duplicate(`${at}[${i}]`, value));
    seen.add(value);
  }
  if (values.some((value, i) => i > 0 && values[i - 1]! > value)) faults.push(invalid(at, shown(), 'must be ordered'));
  return faults;
}

function checkConditions(path: string, patterns: readonly PodFailurePolicyOnPodConditionsPattern[]): Faults {
  return [
    ...(patterns.length > maxRules ? [tooMany(path, patterns.length, maxRules)] : []),
    ...patterns.flatMap(({ type, status }, i) => [
      ...grammar(`${path}[${i}].type`, type, qualifiedNameFaults),
      ...listed(`${path}[${i}].status`, status, ['False', 'True', 'Unknown']),
    ]),
  ];
}

/** When the job has succeeded though not all of its indexes have. */
export function checkSuccessPolicy(path: string, { successPolicy, completions = 0 }: JobSpec): Faults {
  const rules = successPolicy?.rules ?? [];
  const at = `${path}.rules`;
  const missing = 'at least one rules must be specified when the successPolicy is specified';
  return [
    ...(rules.length === 0 ? [required(at, missing)] : []),
    ...(rules.length > maxRules ? [tooMany(at, rules.length, maxRules)] : []),
    ...rules.flatMap((rule, i) => checkSuccessRule(`${at}[${i}]`, rule, completions)),
  ];
}

function checkSuccessRule(path: string, rule: SuccessPolicyRule, completions: number): Faults {
  const { succeededCount: count, succeededIndexes: indexes } = rule;
  const faults: Faults = [];
  if (count === undefined && indexes === undefined) {
    faults.push(required(path, 'at least one of succeededCount or succeededIndexes must be specified'));
  }
  let total = 0;
  if (indexes !== undefined) {
    const at = `${path}.succeededIndexes`;
    if (indexes.length > maxIndexesBytes) faults.push(tooLong(at, maxIndexesBytes));
    const counted = countIndexes(indexes, completions);
    if ('fault' in counted) faults.push(invalid(at, indexes, `error parsing succeededIndexes: ${counted.fault}`));
    else total = counted.total;
  }
  if (count === undefined) return faults;
  const at = `${path}.succeededCount`;
  faults.push(...nonNegative(at, count));
  const most = (limit: number, what: string) => `must be less than or equal to ${limit} (the number of ${what})`;
  if (count > completions) faults.push(invalid(at, count, most(completions, 'specified completions')));
  if (indexes !== undefined && count > total) {
    faults.push(invalid(at, count, most(total, 'indexes in the specified succeededIndexes field')));
  }
  return faults;
}

/** How many indexes a text such as `1,3-5` names, or what is wrong with it. */
export function countIndexes(text: string, completions: number): { total: number } | { fault: string } {
  if (text === '') return { total: 0 };
  let total = 0;
  let last = -1;
  for (const part of text.split(',')) {
    const ends = part.split('-');
    if (ends.length > 2) {
      const rule = 'an index interval can have at most two parts separated by';
      return { fault: `the fragment ${goQuote(part)} violates the requirement that ${rule} '-'` };
    }
    for (const end of ends) {
      if (!/^[+-]?\d+$/.test(end)) return { fault: `cannot convert string to integer for index: ${goQuote(end)}` };
      if (Number(end) >= completions) return { fault: `too large index: ${goQuote(end)}` };
    }
    const [from, to] = [Number(ends[0]), Number(ends.at(-1))];
    const wrongOrder = (previous: number, current: number) => ({
      fault: `non-increasing order, previous: ${previous}, current: ${current}`,
    });
    if (ends.length === 2 && from >= to) return wrongOrder(from, to);
    if (last >= from) return wrongOrder(last, from);
    total += to - from + 1;
    last = to;
  }
  return { total };
}

/** The first index that both lists have; intervals that cannot be read are told of elsewhere. */
export function overlapOf(completed: string, failed: string, completions: number): number | undefined {
  const [some, others] = [intervalsOf(completed, completions), intervalsOf(failed, completions)];
  for (let i = 0, j = 0; i < some.length && j < others.length;) {
    const [[from, to], [otherFrom, otherTo]] = [some[i]!, others[j]!];
    if (from <= otherTo && otherFrom <= to) return Math.max(from, otherFrom);
    if (from <= otherFrom) i++;
    else j++;
  }
  return undefined;
}

function intervalsOf(text: string, completions: number): (readonly [from: number, to: number])[] {
  if (text === '') return [];
  return text.split(',').flatMap((part) => {
    if ('fault' in countIndexes(part, completions)) return [];
    const ends = part.split('-').map(Number);
    return [[ends[0]!, ends.at(-1)!] as const];
  });
}
