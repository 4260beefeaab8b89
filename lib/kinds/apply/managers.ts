/**
 * `metadata.managedFields`: who manages which fields. Entries are kept as they are on the wire; one manager is told from another by name,
 * operation and subresource, and for updates also by the version of the API that was spoken.
 */
import { equal } from '#lib/meta/equal.ts';
import type { ManagedFieldsEntry } from '#lib/meta/object.ts';
import { isEmpty, readFieldSet, union } from './field-set.ts';
import type { FieldSet } from './field-set.ts';

/** An entry that can be used: complete, its set in order. */
export interface ManagerEntry extends ManagedFieldsEntry {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly fieldsType: 'FieldsV1';
  readonly fieldsV1: FieldSet;
}

/** Who writes. */
export interface Writer {
  manager: string;
  /** The version of the API that the writer speaks, such as `apps/v1`. */
  apiVersion: string;
  /** '' for the object itself. */
  subresource: string;
  /** RFC 3339. */
  time: string;
}

/** Entries of updates beyond which the oldest share one. */
const updateEntryLimit = 10;
const bucketManager = 'ancient-changes';

/** Names the manager of an entry among all entries of an object; entries are sorted by it where upstream sorts them so. */
export function identityOf({ manager, operation, apiVersion, subresource }: ManagedFieldsEntry): string {
  return JSON.stringify([manager, operation, operation === 'Apply' ? '' : apiVersion, subresource ?? '']);
}

/** The writer's entry for an operation. */
export function entryFor(writer: Writer, operation: 'Apply' | 'Update', fieldsV1: FieldSet): ManagerEntry {
  const { manager, apiVersion, subresource } = writer;
  return {
    manager,
    operation,
    apiVersion,
    fieldsType: 'FieldsV1',
    fieldsV1,
    ...(subresource && { subresource }),
  };
}

/** The entry with other fields and, where given, another time. The order of keys is that of upstream's JSON. */
export function entryWith(entry: ManagerEntry, fieldsV1: FieldSet, time = entry.time): ManagerEntry {
  const { manager, operation, apiVersion, subresource } = entry;
  return {
    manager,
    operation,
    apiVersion,
    ...(time !== undefined && { time }),
    fieldsType: 'FieldsV1',
    fieldsV1,
    ...(subresource && { subresource }),
  };
}

/**
 * The entries to start from when an object with `given` entries replaces one with `live` ones: a client may change entries, and reset them
 * with `[]` or `[{}]`, but one that says nothing, or something that cannot be read, leaves them as they are.
 */
export function startingEntries(
  live: readonly ManagedFieldsEntry[] | undefined,
  given: unknown,
): readonly ManagerEntry[] {
  const present = (live ?? []) as readonly ManagerEntry[];
  if (!Array.isArray(given) || given === live) return present;
  if (given.length === 0 || (given.length === 1 && isReset(given[0]))) return [];
  if (equal(given, live)) return present;
  return readEntries(given) ?? present;
}

/** An entry that says nothing. */
function isReset(entry: unknown): boolean {
  return typeof entry === 'object' && entry !== null && isEmpty(entry as FieldSet);
}

/** Entries as a client sent them, in order; undefined when one of them cannot be read. */
function readEntries(given: readonly unknown[]): ManagerEntry[] | undefined {
  const byIdentity = new Map<string, ManagerEntry>();
  for (const item of given) {
    if (!isEntry(item)) return undefined;
    const { manager = '', operation, apiVersion, time, fieldsType, fieldsV1, subresource } = item;
    if ((operation !== 'Apply' && operation !== 'Update') || !apiVersion || fieldsType !== 'FieldsV1') return undefined;
    const fields = readFieldSet(fieldsV1 ?? {});
    if (!fields) return undefined;
    const writer = { manager, apiVersion, subresource: subresource ?? '', time: '' };
    const entry = entryWith(entryFor(writer, operation, fields), fields, time ?? undefined);
    byIdentity.set(identityOf(entry), entry);
  }
  return sorted([...byIdentity.values()]);
}

function isEntry(item: unknown): item is ManagedFieldsEntry {
  if (typeof item !== 'object' || item === null) return false;
  const { manager, apiVersion, time, subresource } = item as Record<string, unknown>;
  const areText = [manager, apiVersion, time, subresource].every((value) => value == null || typeof value === 'string');
  return areText && (time == null || !Number.isNaN(Date.parse(time as string)));
}

/** Entries without those of which no field is left, in the order in which they are stored. */
export function tidied(entries: readonly ManagerEntry[]): readonly ManagerEntry[] {
  return sorted(entries.filter(({ fieldsV1 }) => !isEmpty(fieldsV1)));
}

function sorted(entries: ManagerEntry[]): ManagerEntry[] {
  if (entries.length < 2) return entries;
  return entries.sort(
    (a, b) =>
      inOrder(a.operation, b.operation) ||
      secondsOf(a) - secondsOf(b) ||
      inOrder(a.manager, b.manager) ||
      inOrder(a.apiVersion, b.apiVersion) ||
      inOrder(a.subresource ?? '', b.subresource ?? ''),
  );
}

/** Entries of updates in excess of the limit, the oldest first, become one per version. */
export function capped(entries: readonly ManagerEntry[]): readonly ManagerEntry[] {
  const updates = entries.filter(({ operation }) => operation === 'Update');
  let excess = updates.length - updateEntryLimit;
  if (excess <= 0) return entries;
  const left = new Set(entries);
  /** The first entry of each version, which a second one turns into a bucket. */
  const firsts = new Map<string, ManagerEntry>();
  const buckets = new Map<string, ManagerEntry>();
  for (const entry of left) {
    if (entry.manager === bucketManager && !entry.subresource) buckets.set(entry.apiVersion, entry);
  }
  const oldestFirst = updates.toSorted((a, b) => secondsOf(a) - secondsOf(b) || inOrder(identityOf(a), identityOf(b)));
  for (const entry of oldestFirst) {
    if (excess <= 0) break;
    const { apiVersion, fieldsV1, time } = entry;
    const first = firsts.get(apiVersion);
    if (!first) {
      firsts.set(apiVersion, entry);
      continue;
    }
    const bucket = buckets.get(apiVersion) ?? first;
    if (bucket === entry) continue;
    left.delete(bucket);
    left.delete(entry);
    const writer = { manager: bucketManager, apiVersion, subresource: '', time: '' };
    const merged = union(bucket.fieldsV1, fieldsV1);
    const joined = entryWith(entryFor(writer, 'Update', merged), merged, time);
    left.add(joined);
    buckets.set(apiVersion, joined);
    excess--;
  }
  return sorted([...left]);
}

/** Whether two lists of entries differ in times alone. */
export function sameButForTimes(a: readonly ManagerEntry[], b: readonly ManagerEntry[]): boolean {
  if (a.length !== b.length) return false;
  const others = new Map(b.map((entry) => [identityOf(entry), entry]));
  return a.every((entry) => {
    const other = others.get(identityOf(entry));
    return other?.apiVersion === entry.apiVersion && equal(other.fieldsV1, entry.fieldsV1);
  });
}

function secondsOf({ time }: ManagedFieldsEntry): number {
  return time === undefined ? 0 : Math.floor(Date.parse(time) / 1000);
}

function inOrder(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
