/** Takes out of custom resources what their schema does not know, as upstream's `schema/pruning`. */
import { isMap } from '#lib/meta/json-map.ts';
import type { Json } from '#lib/meta/json-map.ts';
import { memberOf, objectFields } from './structural.ts';
import type { Structural } from './structural.ts';

/** Prunes an object in place; answers the paths of what has been taken out, in alphabetical order. */
export function prune(object: Json, schema: Structural): string[] {
  const pruned: string[] = [];
  pruneMap(object, schema, '', true, pruned);
  return pruned.sort();
}

function pruneValue(value: unknown, schema: Structural | undefined, path: string, pruned: string[]): void {
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) {
      if (schema?.keepsUnknown && !schema.items) continue;
      pruneValue(item, schema?.items, `${path}[${i}]`, pruned);
    }
  } else if (isMap(value)) pruneMap(value, schema, path, schema?.isEmbedded === true, pruned);
}

function pruneMap(map: Json, schema: Structural | undefined, path: string, isObject: boolean, pruned: string[]): void {
  for (const [key, value] of Object.entries(map)) {
    if (isObject && objectFields.has(key)) continue;
    const inner = path === '' ? key : `${path}.${key}`;
    const isKnown = schema !== undefined && (schema.properties.has(key) || schema.additional !== undefined);
    if (isKnown) pruneValue(value, memberOf(schema, key), inner, pruned);
    else if (!schema?.keepsUnknown) {
      delete map[key];
      pruned.push(inner);
    }
  }
}
