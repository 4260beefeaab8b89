import { duplicate, fieldForbidden, invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { qualifiedNameFaults } from '#lib/meta/names.ts';
import { parseQuantity } from '#lib/meta/quantities.ts';
import { goQuantity } from './checks/go-value.ts';
import { grammar } from './checks/values.ts';
import { defineKind } from './define-kind.ts';
import type { LimitRange, LimitRangeItem } from './gen/core-v1.ts';
import { checkAnyResourceName, checkResourceName, isOvercommitable } from './pod-spec/check-resources.ts';

export const limitRange = defineKind<LimitRange>({
  group: '',
  version: 'v1',
  kind: 'LimitRange',
  description: 'Bounds and defaults for the resources of each pod, container or claim of a namespace.',
  plural: 'limitranges',
  short: ['limits'],
  namespaced: true,
  createdByUpdate: true,
  schema: 'io.k8s.api.core.v1.LimitRange',
  defaults: ({ spec }) => {
    for (const item of (spec.limits ??= [])) {
      if (item.type !== 'Container') continue;
      // A default limit is the maximum where none is given; a default request is the default limit, else the minimum.
      if (item.max ?? item.default) item.default = { ...item.max, ...item.default };
      if (item.min ?? item.default ?? item.defaultRequest) {
        item.defaultRequest = { ...item.min, ...item.default, ...item.defaultRequest };
      }
    }
  },
  check: ({ spec }) => {
    const types = new Set<string>();
    return spec.limits.flatMap((item, i) => {
      const at = `spec.limits[${i}]`;
      const faults = checkType(`${at}.type`, item.type);
      if (types.has(item.type)) faults.push(duplicate(`${at}.type`, item.type));
      types.add(item.type);
      return [...faults, ...checkItem(at, item)];
    });
  },
});

function checkType(path: string, type: string): FieldError[] {
  const faults = grammar(path, type, qualifiedNameFaults);
  if (faults.length > 0 || type.includes('/') || ['Pod', 'Container', 'PersistentVolumeClaim'].includes(type)) {
    return faults;
  }
  return [invalid(path, type, 'must be a standard limit type or fully qualified')];
}

function checkItem(path: string, item: LimitRangeItem): FieldError[] {
  const isOfPods = item.type === 'Pod' || item.type === 'Container';
  const checkName = isOfPods ? checkResourceName : checkAnyResourceName;
  const names = (list: keyof LimitRangeItem) =>
    Object.keys(item[list] ?? {}).flatMap((name) => checkName(`${path}.${list}[${name}]`, name));
  const faults = [...names('max'), ...names('min')];
  for (const list of ['default', 'defaultRequest'] as const) {
    if (item.type !== 'Pod') faults.push(...names(list));
    else if (Object.keys(item[list] ?? {}).length > 0) {
      faults.push(fieldForbidden(`${path}.${list}`, "may not be specified when `type` is 'Pod'"));
    }
  }
  if (item.type === 'PersistentVolumeClaim' && !item.min?.['storage'] && !item.max?.['storage']) {
    const detail = 'either minimum or maximum storage value is required, but neither was provided';
    faults.push(required(`${path}.limits`, detail));
  }
  faults.push(...names('maxLimitRequestRatio'));
  const { max, min, default: limit, defaultRequest: request, maxLimitRequestRatio: ratio } = item;
  const all = new Set([max, min, limit, request, ratio].flatMap((list) => Object.keys(list ?? {})));
  return [...faults, ...[...all].flatMap((name) => checkBounds(path, name, item))];
}

type Amount = number | string;

const unit = 1_000_000_000n;
const inUnits = (amount: Amount) => Number(parseQuantity(amount)) / Number(unit);

/** What an item says about one resource must fit together. */
function checkBounds(path: string, name: string, item: LimitRangeItem): FieldError[] {
  const faults: FieldError[] = [];
  const amountOf = (list: Readonly<Record<string, Amount>> | undefined) =>
    list && Object.hasOwn(list, name) ? list[name] : undefined;
  const isPod = item.type === 'Pod';
  const { min, max, ratio } = {
    min: amountOf(item.min),
    max: amountOf(item.max),
    ratio: amountOf(item.maxLimitRequestRatio),
  };
  const limit = isPod ? undefined : amountOf(item.default);
  const request = isPod ? undefined : amountOf(item.defaultRequest);
  const fault = (list: string, shown: Amount, detail: string) =>
    faults.push(invalid(`${path}.${list}[${name}]`, goQuantity(shown), detail));
  const ordered = (
    list: string,
    shown: Amount | undefined,
    low?: Amount,
    high?: Amount,
    lowName = '',
    highName = '',
  ) => {
    if (low === undefined || high === undefined || parseQuantity(low) <= parseQuantity(high)) return;
    fault(list, shown!, `${lowName} value ${low} is greater than ${highName} value ${high}`);
  };
  ordered('min', min, min, max, 'min', 'max');
  ordered('defaultRequest', request, min, request, 'min', 'default request');
  ordered('defaultRequest', request, request, max, 'default request', 'max');
  ordered('defaultRequest', request, request, limit, 'default request', 'default limit');
  ordered('default', min, min, limit, 'min', 'default');
  ordered('default', max, limit, max, 'default', 'max');
  if (ratio !== undefined) {
    if (parseQuantity(ratio) < unit) fault('maxLimitRequestRatio', ratio, `ratio ${ratio} is less than 1`);
    const most = min === undefined || max === undefined ? Infinity : inUnits(max) / inUnits(min);
    if (inUnits(ratio) > most) {
      fault('maxLimitRequestRatio', ratio, `ratio ${ratio} is greater than max/min = ${most.toFixed(6)}`);
    }
  }
  const isSplit = limit !== undefined && request !== undefined && parseQuantity(limit) !== parseQuantity(request);
  if (isSplit && !isOvercommitable(name)) {
    const detail = `default value ${limit} must equal to defaultRequest value ${request} in ${name}`;
    fault('defaultRequest', request, detail);
  }
  return faults;
}
