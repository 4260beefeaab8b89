/** The shapes an answer can take: lists, tables, metadata alone. */
import { plainColumns } from '#lib/kinds/columns.ts';
import type { Column, Kind } from '#lib/kinds/define-kind.ts';
import type { Resource } from '#lib/meta/object.ts';
import type { Entry } from '../store/world-types.ts';
import type { ListResult } from '../verbs/types.ts';
import type { Typed } from './protobuf.ts';

type Shaped = Typed & Record<string, unknown>;

/** How much of each object a table's rows carry. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

/** The bytes of a list, in parts: the shared bytes of its items within a frame. */
export function listParts(kind: Kind, list: ListResult): Buffer[] {
  const head = `{"kind":"${kind.kind}List","apiVersion":"${kind.apiVersion}","metadata":${JSON.stringify(listMeta(list))},"items":[`;
  const parts: Buffer[] = [Buffer.from(head)];
  for (const [i, entry] of list.entries.entries()) {
    if (i > 0) parts.push(comma);
    parts.push(entry.bytes);
  }
  parts.push(tail);
  return parts;
}

const comma = Buffer.from(',');
const tail = Buffer.from(']}\n');

/** meta/v1 ListMeta of a list; what is not stored has no revision. */
export function listMeta(list: ListResult): Record<string, unknown> {
  return {
    ...(list.revision > 0n && { resourceVersion: String(list.revision) }),
    ...(list.continue && { continue: list.continue }),
    ...(list.continue && list.remainingItemCount && { remainingItemCount: list.remainingItemCount }),
  };
}

export interface TableOptions {
  version: string;
  include: IncludeObject;
  /** Milliseconds since the epoch, for ages. */
  now: number;
  /** Later events of a watch leave the columns out. */
  withColumns?: boolean;
}

/** meta.k8s.io Table of some objects. */
export function tableOf(
  kind: Pick<Kind, 'columns' | 'rowOrder'>,
  entries: readonly Entry[],
  metadata: object,
  options: TableOptions,
): Shaped {
  const columns = kind.columns ?? plainColumns;
  const rows = kind.rowOrder ? entries.toSorted((a, b) => kind.rowOrder!(a.object, b.object)) : entries;
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${options.version}`,
    metadata,
    columnDefinitions: options.withColumns === false ? null : columns.map(definitionOf),
    rows: rows.map(({ object }) => ({
      cells: columns.map((column) => column.value(object, { now: options.now })),
      ...(options.include !== 'None' && {
        object: options.include === 'Object' ? object : metadataOf(object, options.version),
      }),
    })),
  };
}

/** meta.k8s.io PartialObjectMetadata of an object. */
export function metadataOf({ metadata }: Resource, version: string): Shaped {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata };
}

/** meta.k8s.io PartialObjectMetadataList. */
export function metadataListOf(list: ListResult, version: string): Shaped {
  return {
    kind: 'PartialObjectMetadataList',
    apiVersion: `meta.k8s.io/${version}`,
    metadata: listMeta(list),
    items: list.entries.map(({ object }) => metadataOf(object, version)),
  };
}

function definitionOf(column: Column<Resource>): object {
  return {
    name: column.name,
    type: column.type ?? 'string',
    format: column.format ?? '',
    description: column.description ?? '',
    priority: column.priority ?? 0,
  };
}
