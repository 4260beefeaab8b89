/** Shorthand for tests: objects as they are after decoding and defaulting, and their faults as text. */
import type { Resource } from '#lib/meta/object.ts';
import { copy } from '#lib/meta/equal.ts';
import { checkObject } from '../checks/metadata.ts';
import { plainColumns } from '../columns.ts';
import type { Cell, Kind } from '../define-kind.ts';
import { decodeObject } from '../structure.ts';

/** Milliseconds at which test tables are printed. */
export const testNow = Date.parse('2024-01-01T01:00:00Z');

/** The object of this body, created an hour before testNow. */
export function made<T extends Resource>(kind: Kind<T>, body: Record<string, unknown>): T {
  const metadata = {
    name: 'some',
    ...(kind.namespaced && { namespace: 'default' }),
    uid: 'u1',
    creationTimestamp: '2024-01-01T00:00:00Z',
    ...(body['metadata'] as object),
  };
  const { object } = decodeObject(kind, copy({ ...body, metadata }), 'Strict');
  kind.defaults?.(object);
  return object;
}

/** Every fault as `field: sentence`. */
export function faultsOf<T extends Resource>(kind: Kind<T>, object: T, before?: T): string[] {
  return checkObject(kind, object, before).map(({ field, message }) => `${field}: ${message}`);
}

/** A row of the kind's table by column name, wide columns included. */
export function rowOf<T extends Resource>(kind: Kind<T>, object: T): Record<string, Cell> {
  const columns = kind.columns ?? plainColumns;
  return Object.fromEntries(columns.map(({ name, value }) => [name, value(object, { now: testNow })]));
}
