/** The objects of a view, found by name, uid, namespace and declared index. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { keyOf } from '#lib/meta/object.ts';
import type { Ref, Resource } from '#lib/meta/object.ts';
import type { Indexes, ViewChange } from './types.ts';

/** Kinds are told apart by their names: a definition may be loaded twice. */
type KindNames = Pick<Kind, 'apiVersion' | 'plural'>;

export interface ViewState {
  get(kind: KindNames, ref: Ref): Resource | undefined;
  list(kind: KindNames, namespace?: string): Resource[];
  indexed(kind: KindNames, index: string, value: string): Resource[];
  byUid(uid: string): Resource | undefined;
  /** Puts an object in place; undefined when the view has that very version already. */
  put(kind: Kind, object: Resource): ViewChange | undefined;
  remove(kind: Kind, object: Resource): ViewChange | undefined;
  /** Makes `objects` all there is of a kind. */
  replace(kind: Kind, objects: readonly Resource[]): ViewChange[];
  /** Makes these the kinds of the view. What it holds of others is forgotten. */
  setKinds(kinds: readonly Kind[]): void;
}

/** One kind's objects by key, and by index and value. */
interface Table {
  objects: Map<string, Resource>;
  indexes: Map<string, Map<string, Map<string, Resource>>>;
  valuesOf: ReadonlyMap<string, (object: Resource) => readonly string[]>;
}

/** The index behind list() of a namespace. */
const namespaceIndex = '(namespace)';

export function makeViewState(kinds: readonly Kind[], indexes: Indexes): ViewState {
  const tables = new Map(kinds.map((kind) => [nameOf(kind), makeTable(kind, indexes)]));
  const forgetAll = ({ objects }: Table) => {
    for (const { metadata } of objects.values()) uids.delete(metadata.uid);
  };
  const uids = new Map<string, Resource>();
  const tableOf = (kind: KindNames): Table => {
    const table = tables.get(nameOf(kind));
    if (!table) throw new TypeError(`This view does not watch ${nameOf(kind)}`);
    return table;
  };
  const indexed = (kind: KindNames, index: string, value: string): Resource[] => {
    const byValue = tableOf(kind).indexes.get(index);
    if (!byValue) throw new TypeError(`This view has no index "${index}" of ${nameOf(kind)}`);
    return [...(byValue.get(value)?.values() ?? [])];
  };
  const put = (kind: Kind, object: Resource): ViewChange | undefined => {
    const table = tableOf(kind);
    const key = keyOf(object.metadata);
    const before = table.objects.get(key);
    if (before?.metadata.resourceVersion === object.metadata.resourceVersion) return undefined;
    if (before) forget(table, key, before, uids);
    remember(table, key, object, uids);
    return { kind, object, before };
  };
  const remove = (kind: Kind, { metadata }: Resource): ViewChange | undefined => {
    const table = tableOf(kind);
    const key = keyOf(metadata);
    const before = table.objects.get(key);
    if (!before) return undefined;
    forget(table, key, before, uids);
    table.objects.delete(key);
    return { kind, object: undefined, before };
  };

  return {
    get: (kind, ref) => tableOf(kind).objects.get(keyOf(ref)),
    list: (kind, namespace) =>
      namespace ? indexed(kind, namespaceIndex, namespace) : [...tableOf(kind).objects.values()],
    indexed,
    byUid: (uid) => uids.get(uid),
    put,
    remove,
    setKinds(next) {
      const names = new Set(next.map(nameOf));
      for (const [name, table] of tables) {
        if (names.has(name)) continue;
        forgetAll(table);
        tables.delete(name);
      }
      for (const kind of next) if (!tables.has(nameOf(kind))) tables.set(nameOf(kind), makeTable(kind, indexes));
    },
    replace(kind, objects) {
      const kept = new Set(objects.map((object) => keyOf(object.metadata)));
      const gone = [...tableOf(kind).objects]
        .filter(([key]) => !kept.has(key))
        .map(([, object]) => remove(kind, object));
      return [...gone, ...objects.map((object) => put(kind, object))].filter((change) => change !== undefined);
    },
  };
}

function makeTable(kind: KindNames, indexes: Indexes): Table {
  const own = Object.entries(indexes).filter(([, index]) => !index.kind || nameOf(index.kind) === nameOf(kind));
  const valuesOf = new Map<string, (object: Resource) => readonly string[]>(
    own.map(([name, index]) => [name, index.values as (object: Resource) => readonly string[]]),
  );
  valuesOf.set(namespaceIndex, ({ metadata }) => [metadata.namespace ?? '']);
  return { objects: new Map(), indexes: new Map([...valuesOf.keys()].map((name) => [name, new Map()])), valuesOf };
}

/** An object that is replaced keeps its place in the order of insertion. */
function remember(table: Table, key: string, object: Resource, uids: Map<string, Resource>): void {
  table.objects.set(key, object);
  uids.set(object.metadata.uid, object);
  for (const [name, valuesOf] of table.valuesOf) {
    const byValue = table.indexes.get(name)!;
    for (const value of valuesOf(object)) {
      const found = byValue.get(value);
      if (found) found.set(key, object);
      else byValue.set(value, new Map([[key, object]]));
    }
  }
}

function forget(table: Table, key: string, object: Resource, uids: Map<string, Resource>): void {
  if (uids.get(object.metadata.uid) === object) uids.delete(object.metadata.uid);
  for (const [name, valuesOf] of table.valuesOf) {
    const byValue = table.indexes.get(name)!;
    for (const value of valuesOf(object)) {
      const found = byValue.get(value);
      found?.delete(key);
      if (found?.size === 0) byValue.delete(value);
    }
  }
}

function nameOf({ apiVersion, plural }: KindNames): string {
  return `${apiVersion}/${plural}`;
}
