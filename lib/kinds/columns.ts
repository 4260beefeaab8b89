/** Building blocks of table columns, worded as `kubectl get` shows them. */
import type { Resource } from '#lib/meta/object.ts';
import { humanDuration } from '#lib/meta/duration.ts';
import { formatLabelSelector, type LabelSelector } from '#lib/meta/selectors.ts';
import { parseTime } from '#lib/meta/time.ts';
import type { Cell, Column, PrintContext } from './define-kind.ts';
import type { Container } from './gen/core-v1.ts';

export const none = '<none>';
export const unset = '<unset>';
export const unknown = '<unknown>';

/** A column of text; where upstream calls a column so that holds numbers, those stay numbers. */
export function text<T>(name: string, value: (object: T, context: PrintContext) => Cell): Column<T> {
  return { name, type: 'string', value };
}

/** A column of whole numbers. */
export function integer<T>(name: string, value: (object: T, context: PrintContext) => Cell): Column<T> {
  return { name, type: 'integer', value };
}

/** The same column, shown by `-o wide` only. */
export function wide<T>(column: Column<T>): Column<T> {
  return { ...column, priority: 1 };
}

export const nameColumn: Column<Resource> = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'The name of the object, unique within its namespace.',
  value: (object) => object.metadata.name,
};

export const ageColumn: Column<Resource> = {
  name: 'Age',
  type: 'string',
  description: 'How long ago the object was created.',
  value: (object, context) => since(object.metadata.creationTimestamp, context),
};

/** What kinds without columns of their own show. */
export const plainColumns: readonly Column<Resource>[] = [
  nameColumn,
  {
    name: 'Created At',
    type: 'date',
    description: 'When the object was created.',
    value: (object) => object.metadata.creationTimestamp,
  },
];

/** How long ago `time` was, `<unknown>` without one. */
export function since(time: string | undefined, { now }: PrintContext): string {
  const ms = parseTime(time);
  return ms === undefined ? unknown : humanDuration(now - ms);
}

/** `a=b,c=d` in the keys' order, `<none>` without any. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  const entries = Object.entries(labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? none : entries.map(([key, value]) => `${key}=${value}`).join(',');
}

/** The wide columns of a kind with a pod template: container names and images. */
export function containerColumns<T>(containers: (object: T) => readonly Container[] | undefined): Column<T>[] {
  return [
    wide(text('Containers', (object) => (containers(object) ?? []).map(({ name }) => name).join(','))),
    wide(text('Images', (object) => (containers(object) ?? []).map(({ image }) => image ?? '').join(','))),
  ];
}

/** The wide column of a workload's selector. */
export function selectorColumn<T>(selector: (object: T) => LabelSelector | undefined): Column<T> {
  return wide(text('Selector', (object) => formatLabelSelector(selector(object))));
}

/** Go's way of showing a boolean in a table. */
export function yesOrNo(value: boolean | undefined): string {
  return value === undefined ? unset : value ? 'True' : 'False';
}

/** `ReadWriteOnce` and the like in short, each once, in upstream's order. */
export function formatAccessModes(modes: readonly string[] | undefined): string {
  const short: Record<string, string> = {
    ReadWriteOnce: 'RWO',
    ReadOnlyMany: 'ROX',
    ReadWriteMany: 'RWX',
    ReadWriteOncePod: 'RWOP',
  };
  return Object.keys(short)
    .filter((mode) => modes?.includes(mode))
    .map((mode) => short[mode])
    .join(',');
}
