/**
 * Sets of field paths, in the very form that `fieldsV1` has on the wire, so that stored sets are used without decoding: an object whose
 * keys are path elements. A path is in the set when its node is empty, or has the key `.` beside those of longer paths.
 *
 * Elements are `f:<field or map key>`, `k:<JSON of a list item's keys>`, `v:<JSON of a set's item>` and `i:<index>`; every node's keys are
 * sorted as upstream's structured-merge-diff sorts them. Sets are never changed: operations answer new ones, or their argument itself
 * when it stays as it is.
 */

export interface FieldSet {
  readonly [element: string]: FieldSet;
}

type Building = Record<string, FieldSet>;

const self = '.';

/** As a set, that of no paths; as a node, the end of a path that is in the set. */
export const leaf: FieldSet = Object.freeze({});

/** Levels that a set sent by a client may nest. */
const maxDepth = 256;

export function isEmpty(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

/** Whether the path that ends at this node is in the set. */
function isMember(node: FieldSet): boolean {
  return self in node || isEmpty(node);
}

/** A node from what lies beneath it, with keys in any order; undefined when nothing remains of it. */
export function nodeOf(children: Building | undefined, member: boolean): FieldSet | undefined {
  if (!children || isEmpty(children)) return member ? leaf : undefined;
  const keys = Object.keys(children);
  const sorted = isSorted(keys);
  if (sorted && !member) return children;
  if (!sorted) keys.sort(compareElements);
  const node: Building = {};
  if (member) node[self] = leaf;
  for (const key of keys) node[key] = children[key]!;
  return node;
}

/** The node of a path that is in the set, with what lies beneath it. */
export function memberOf(children: Building): FieldSet {
  return nodeOf(children, true)!;
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b || isEmpty(b)) return a;
  return isEmpty(a) ? b : unionOfNodes(a, b, false);
}

function unionOfNodes(a: FieldSet, b: FieldSet, member: boolean): FieldSet {
  let changed = member && !isMember(a);
  const children: Building = {};
  for (const key in a) if (key !== self) children[key] = a[key]!;
  for (const key in b) {
    if (key === self) continue;
    const theirs = b[key]!;
    const ours = children[key];
    const both = ours ? unionOfNodes(ours, theirs, isMember(ours) || isMember(theirs)) : theirs;
    if (both === ours) continue;
    children[key] = both;
    changed = true;
  }
  return changed ? nodeOf(children, member)! : a;
}

/** The paths of `a` that are not in `b`. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return a === b ? leaf : without(a, b, false);
}

/** The paths of `a` that are neither in `b` nor beneath one that is. */
export function recursiveDifference(a: FieldSet, b: FieldSet): FieldSet {
  return without(a, b, true);
}

function without(a: FieldSet, b: FieldSet, recursive: boolean): FieldSet {
  let children: Building | undefined;
  for (const key in b) {
    const ours = a[key];
    if (key === self || !ours) continue;
    const theirs = b[key]!;
    const rest = withoutNode(ours, theirs, recursive);
    if (rest === ours) continue;
    children ??= { ...a };
    if (rest) children[key] = rest;
    else delete children[key];
  }
  return children ?? a;
}

function withoutNode(ours: FieldSet, theirs: FieldSet, recursive: boolean): FieldSet | undefined {
  const refused = isMember(theirs);
  if (refused && recursive) return undefined;
  const member = isMember(ours);
  const rest = without(ours, theirs, recursive);
  const stays = member && !refused;
  if (rest === ours && stays === member) return ours;
  const { [self]: _, ...children } = rest;
  return nodeOf(children, stays);
}

/** The paths in both sets. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  return commonOf(a, b, false) ?? leaf;
}

function commonOf(a: FieldSet, b: FieldSet, member: boolean): FieldSet | undefined {
  let children: Building | undefined;
  for (const key in a) {
    const theirs = b[key];
    if (key === self || !theirs) continue;
    const ours = a[key]!;
    const both = commonOf(ours, theirs, isMember(ours) && isMember(theirs));
    if (both) (children ??= {})[key] = both;
  }
  return nodeOf(children, member);
}

/** Whether this path of one element is in the set. */
export function hasElement(set: FieldSet, element: string): boolean {
  const node = set[element];
  return node !== undefined && isMember(node);
}

/** The set of what follows this element. */
export function beneath(set: FieldSet, element: string): FieldSet {
  const node = set[element];
  if (!node) return leaf;
  const { [self]: _, ...rest } = node;
  return rest;
}

/** The set of one path of plain fields. */
export function setOfPath(...fields: readonly string[]): FieldSet {
  return fields.reduceRight<FieldSet>((node, field) => ({ [`f:${field}`]: node }), leaf);
}

/** Every path as text such as `.spec.containers[name="web"].image`, in the order in which upstream tells them. */
export function pathsOf(set: FieldSet, prefix = ''): string[] {
  const keys = Object.keys(set).filter((key) => key !== self);
  const own = keys.filter((key) => isMember(set[key]!)).map((key) => prefix + textOf(key));
  return [...own, ...keys.flatMap((key) => pathsOf(set[key]!, prefix + textOf(key)))];
}

/** A path element as upstream writes it. */
export function textOf(element: string): string {
  const rest = element.slice(2);
  switch (element[0]) {
    case 'f':
      return `.${rest}`;
    case 'k':
      return `[${Object.entries(JSON.parse(rest) as object)
        .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
        .join(',')}]`;
    case 'v':
      return `[=${rest}]`;
    default:
      return `[${rest}]`;
  }
}

/** A set as a client sent it, put in order; undefined when it is none. Elements of unknown sorts are left out, as upstream does. */
export function readFieldSet(json: unknown, depth = maxDepth): FieldSet | undefined {
  if (typeof json !== 'object' || json === null || Array.isArray(json) || depth === 0) return undefined;
  const children: Building = {};
  let member = false;
  for (const [key, value] of Object.entries(json)) {
    if (key === self) {
      member = true;
      continue;
    }
    const element = readElement(key);
    const node = readFieldSet(value, depth - 1);
    if (element === undefined || !node) return undefined;
    if (element !== '') children[element] = node;
  }
  return nodeOf(children, member && depth < maxDepth) ?? leaf;
}

/** The element in its one spelling, '' for one of an unknown sort, undefined for nonsense. */
function readElement(text: string): string | undefined {
  if (text[1] !== ':') return undefined;
  const rest = text.slice(2);
  switch (text[0]) {
    case 'f':
      return text;
    case 'i':
      return /^\d{1,9}$/.test(rest) ? text : undefined;
    case 'v': {
      const value = parse(rest);
      return value === undefined ? undefined : `v:${JSON.stringify(value)}`;
    }
    case 'k': {
      const keys = parse(rest);
      if (typeof keys !== 'object' || keys === null || Array.isArray(keys)) return undefined;
      return `k:${JSON.stringify(Object.fromEntries(Object.entries(keys).sort(([a], [b]) => (a < b ? -1 : 1))))}`;
    }
    default:
      return '';
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isSorted(keys: readonly string[]): boolean {
  for (let i = 1; i < keys.length; i++) if (compareElements(keys[i - 1]!, keys[i]!) > 0) return false;
  return true;
}

const ranks: Readonly<Record<string, number>> = { f: 0, k: 1, v: 2, i: 3 };

const fieldSort = 'f'.charCodeAt(0);

function compareElements(a: string, b: string): number {
  const sort = a.charCodeAt(0);
  if (sort !== b.charCodeAt(0)) return (ranks[a[0]!] ?? 4) - (ranks[b[0]!] ?? 4);
  if (sort === fieldSort) return a < b ? -1 : a > b ? 1 : 0;
  return compareValues(JSON.parse(a.slice(2)), JSON.parse(b.slice(2)));
}

/** Numbers by size and text by its letters; keys of list items name by name. */
function compareValues(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'object' && a !== null && typeof b === 'object' && b !== null) {
    const left = Object.entries(a);
    const right = Object.entries(b);
    for (let i = 0; i < Math.min(left.length, right.length); i++) {
      const [name, value] = left[i]!;
      const [otherName, otherValue] = right[i]!;
      if (name !== otherName) return name < otherName ? -1 : 1;
      const order = compareValues(value, otherValue);
      if (order !== 0) return order;
    }
    return left.length - right.length;
  }
  const [x, y] = [String(a), String(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}
