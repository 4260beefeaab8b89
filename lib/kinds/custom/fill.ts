/** Fills in the defaults that the schema of a custom resource names, as upstream's `schema/defaulting`. */
import { copy } from '#lib/meta/equal.ts';
import { isMap, put } from '#lib/meta/json-map.ts';
import { memberOf } from './structural.ts';
import type { Structural } from './structural.ts';

/** Takes out nulls that may not be and for which nothing is filled in. In place. */
export function dropNulls(value: unknown, schema: Structural | undefined): void {
  if (!schema) return;
  if (Array.isArray(value)) for (const item of value) dropNulls(item, schema.items);
  else if (isMap(value)) {
    for (const [key, item] of Object.entries(value)) {
      const member = memberOf(schema, key);
      if (item === null && member && !member.nullable && member.fallback === undefined) delete value[key];
      else dropNulls(item, member);
    }
  }
}

/** Fills in what is absent, or null where it may not be. In place. */
export function fill(value: unknown, schema: Structural | undefined): void {
  if (!schema) return;
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) {
      if (isToFill(item, schema.items)) value[i] = copy(schema.items!.fallback);
      fill(value[i], schema.items);
    }
    return;
  }
  if (!isMap(value)) return;
  for (const [key, property] of schema.properties) {
    if (property.fallback === undefined) continue;
    if (!Object.hasOwn(value, key) || isToFill(value[key], property)) put(value, key, copy(property.fallback));
  }
  for (const [key, item] of Object.entries(value)) {
    const member = memberOf(schema, key);
    if (isToFill(item, member)) put(value, key, copy(member!.fallback));
    fill(value[key], member);
  }
}

/** Whether a schema fills in anything: where none does, objects are as they are stored. */
export function hasDefaults(schema: Structural): boolean {
  const { fallback, properties, additional, items } = schema;
  return (
    fallback !== undefined ||
    (additional !== undefined && additional !== true && hasDefaults(additional)) ||
    (items !== undefined && hasDefaults(items)) ||
    [...properties.values()].some(hasDefaults)
  );
}

function isToFill(item: unknown, schema: Structural | undefined): boolean {
  return item === null && schema !== undefined && !schema.nullable && schema.fallback !== undefined;
}
