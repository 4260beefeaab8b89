import { duplicate, fieldForbidden, invalid, type FieldError } from '#lib/meta/errors.ts';
import { parseQuantity } from '#lib/meta/quantities.ts';
import { quantity } from './checks/values.ts';
import { defineKind } from './define-kind.ts';
import type { LimitRange, LimitRangeItem } from './gen/core-v1.ts';

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
      const faults = checkItem(at, item);
      if (types.has(item.type)) faults.push(duplicate(`${at}.type`, item.type));
      types.add(item.type);
      return faults;
    });
  },
});

const lists = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;

function checkItem(path: string, item: LimitRangeItem): FieldError[] {
  const faults = lists.flatMap((list) =>
    Object.entries(item[list] ?? {}).flatMap(([name, value]) => quantity(`${path}.${list}[${name}]`, value)),
  );
  if (item.type === 'Pod') {
    for (const list of ['default', 'defaultRequest'] as const) {
      if (Object.keys(item[list] ?? {}).length > 0) {
        faults.push(fieldForbidden(`${path}.${list}`, "may not be specified when `type` is 'Pod'"));
      }
    }
  }
  const { min = {}, max = {}, default: limit = {}, defaultRequest: request = {} } = item;
  faults.push(
    ...ordered(`${path}.min`, min, max, 'min value', 'max value'),
    ...ordered(`${path}.defaultRequest`, request, max, 'default request value', 'max value'),
    ...ordered(`${path}.defaultRequest`, request, limit, 'default request value', 'default limit value'),
    ...ordered(`${path}.default`, limit, max, 'default value', 'max value'),
    ...ordered(`${path}.default`, min, limit, 'min value', 'default value'),
    ...ordered(`${path}.defaultRequest`, min, request, 'min value', 'default request value'),
  );
  return faults;
}

type Amounts = Readonly<Record<string, number | string>>;

function ordered(path: string, low: Amounts, high: Amounts, lowName: string, highName: string): FieldError[] {
  return Object.entries(low).flatMap(([name, value]) => {
    const most = Object.hasOwn(high, name) ? high[name] : undefined;
    return most !== undefined && parseQuantity(value) > parseQuantity(most)
      ? [invalid(`${path}[${name}]`, String(value), `${lowName} ${value} is greater than ${highName} ${most}`)]
      : [];
  });
}
