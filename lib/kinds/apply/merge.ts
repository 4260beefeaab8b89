/** Merging an applied configuration into an object, and taking fields out of one. */
import { elementOf } from './field-types.ts';
import type { FieldType, StructType } from './field-types.ts';
import { byElement, fieldTypeOf, isObject } from './compare.ts';
import { beneath, hasElement, isEmpty, nodeOf } from './field-set.ts';
import type { FieldSet } from './field-set.ts';

type Json = Readonly<Record<string, unknown>>;
type ListType = FieldType & { is: 'set' | 'keyed' };
type FieldsType = FieldType & { is: 'struct' | 'map' | 'free' };

/** `live` with everything that `config` says. Shares with both what it does not change. */
export function merge(type: StructType, live: object, config: object): object {
  return mergeFields(type, live as Json, config as Json) ?? {};
}

function mergeValues(type: FieldType, live: unknown, config: unknown): unknown {
  if (config === undefined) return live;
  switch (type.is) {
    case 'leaf':
      return config;
    case 'set':
    case 'keyed': {
      const [ours, theirs] = [Array.isArray(live) ? live : [], Array.isArray(config) ? config : []];
      return ours.length === 0 && theirs.length === 0 ? config : mergeItems(type, ours, theirs);
    }
    default:
      // JSON without a schema may be anything on either side.
      if (type.is === 'free' && !(isObject(live) && isObject(config))) return config;
      return mergeFields(type, isObject(live) ? live : {}, isObject(config) ? config : {}) ?? config;
  }
}

/** Undefined when there is nothing on either side. */
function mergeFields(type: FieldsType, live: Json, config: Json): Json | undefined {
  const result: Record<string, unknown> = {};
  let any = false;
  for (const key of new Set([...Object.keys(live), ...Object.keys(config)])) {
    const field = fieldTypeOf(type, key);
    const ours = Object.hasOwn(live, key) ? live[key] : undefined;
    const merged = field ? mergeValues(field, ours, Object.hasOwn(config, key) ? config[key] : undefined) : ours;
    if (merged === undefined) continue;
    any = true;
    put(result, key, merged);
  }
  return any ? result : undefined;
}

/**
 * The items of both lists. Those that the configuration names come in its order; the others stay where they were relative to their
 * neighbours before them.
 */
function mergeItems(type: ListType, live: readonly unknown[], config: readonly unknown[]): unknown[] {
  const liveElements = live.map((item) => elementOf(type, item));
  const configElements = config.map((item) => elementOf(type, item));
  const ours = firstOf(byElement(type, live));
  const theirs = firstOf(byElement(type, config));
  const shared = configElements.filter((element) => ours.has(element));
  const taken = new Set<string>();
  const result: unknown[] = [];
  let [fromLive, fromConfig, nextShared] = [0, 0, 0];
  const take = (element: string) => {
    result.push(mergeValues(type.items, ours.get(element), theirs.get(element)));
    taken.add(element);
    if (shared[nextShared] === element) nextShared++;
    fromConfig++;
  };
  while (fromLive < live.length || fromConfig < config.length) {
    const mine = liveElements[fromLive];
    const wanted = configElements[fromConfig];
    if (mine !== undefined && wanted !== undefined) {
      if (mine === wanted) {
        fromLive++;
        take(wanted);
        continue;
      }
      if (theirs.has(mine) && nextShared < shared.length && shared[nextShared] !== mine) {
        // Its place is where the configuration has it.
        fromLive++;
        continue;
      }
    }
    if (mine !== undefined && !theirs.has(mine)) {
      result.push(live[fromLive++]);
      continue;
    }
    if (mine !== undefined && taken.has(mine)) fromLive++;
    if (wanted !== undefined) take(wanted);
  }
  return result;
}

/** What each element stands for; nothing where several items are alike, of which none can be merged. */
function firstOf(items: ReadonlyMap<string, unknown[]>): Map<string, unknown> {
  return new Map([...items].map(([element, alike]) => [element, alike.length === 1 ? alike[0] : undefined]));
}

/** The object without the fields of the set and all that is in them. */
export function removeFields(type: StructType, object: object, set: FieldSet): object {
  return (removeFrom(type, object, set) as object | null) ?? {};
}

/** What is left of a value; null when nothing is. */
function removeFrom(type: FieldType, value: unknown, set: FieldSet): unknown {
  switch (type.is) {
    case 'leaf':
      return value;
    case 'set':
    case 'keyed': {
      if (!Array.isArray(value) || value.length === 0) return value;
      const left = value.flatMap((item: unknown) => {
        const element = elementOf(type, item);
        if (hasElement(set, element)) return [];
        const within = beneath(set, element);
        return [isEmpty(within) ? item : removeFrom(type.items, item, within)];
      });
      return left.length > 0 ? left : null;
    }
    default: {
      if (!isObject(value)) return value;
      const left: Record<string, unknown> = {};
      for (const key of Object.keys(value)) {
        const element = `f:${key}`;
        if (hasElement(set, element)) continue;
        const within = beneath(set, element);
        const field = fieldTypeOf(type, key);
        put(left, key, isEmpty(within) || !field ? value[key] : removeFrom(field, value[key], within));
      }
      return Object.keys(left).length > 0 ? left : null;
    }
  }
}

/** The set with every struct's field in it that holds a path of it: whoever owns a field has a say in its parents being there. */
export function withParents(type: FieldType, set: FieldSet): FieldSet {
  return withParentsOf(type, set, false) ?? set;
}

function withParentsOf(type: FieldType, node: FieldSet, member: boolean): FieldSet | undefined {
  const children: Record<string, FieldSet> = {};
  for (const key of Object.keys(node)) {
    if (key === '.') continue;
    const child = node[key]!;
    const isNamed = type.is === 'struct' && type.fields.has(key.slice(2));
    const within = innerType(type, key);
    children[key] = withParentsOf(within, child, isNamed || isEmpty(child) || '.' in child)!;
  }
  return nodeOf(children, member);
}

function innerType(type: FieldType, element: string): FieldType {
  if (type.is === 'set' || type.is === 'keyed') return type.items;
  return (type.is !== 'leaf' && fieldTypeOf(type, element.slice(2))) || { is: 'leaf' };
}

/** A key may be `__proto__`, which must become a member and nothing else. */
function put(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
  else object[key] = value;
}
