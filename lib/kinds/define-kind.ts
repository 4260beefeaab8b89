/**
 * One kind, one definition. Everything true of a resource kind that the schema data cannot say is said in its
 * `lib/kinds/<kind>.ts` by defineKind(); routes, discovery, OpenAPI, storage keys, tables and clients derive from it.
 */
import type { FieldError } from '#lib/meta/errors.ts';
import type { Draft, Resource } from '#lib/meta/object.ts';
import type { StructType } from './apply/field-types.ts';
import type { JSONSchemaProps } from './gen/apiextensions-v1.ts';

/** A cell of a printed table. */
export type Cell = string | number | boolean | null;

/** What a printer may need beyond the object. */
export interface PrintContext {
  /** Milliseconds since the epoch, for ages. */
  now: number;
}

export interface Column<T> {
  name: string;
  type?: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  format?: 'name' | '' | undefined;
  description?: string;
  /** 0 for always, 1 for `-o wide` only. */
  priority?: number;
  value(object: T, context: PrintContext): Cell;
}

/** What the server knows when it prepares or checks an object. */
export interface WriteContext {
  now: number;
  uuid(): string;
  /** Who writes, where the server knows. */
  caller?: {
    readonly name: string;
    readonly uid?: string | undefined;
    readonly groups: readonly string[];
    readonly extra?: Readonly<Record<string, readonly string[]>> | undefined;
  };
  /** Takes what the writer should be told of, before more is filled in. */
  warn?(text: string): void;
}

export type Verb = 'create' | 'get' | 'list' | 'watch' | 'update' | 'patch' | 'delete' | 'deletecollection';

const allVerbs: readonly Verb[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** How `scale` reads and writes a kind's replicas. */
interface ScaleAccess<T> {
  replicas(object: T): number;
  setReplicas(object: T, replicas: number): void;
  status(object: T): number;
  /** The selector as text. */
  selector(object: T): string;
}

/**
 * How a version of a kind is kept in the form of another, stored version. Both functions answer a new object and leave their
 * argument as it is; metadata passes through unchanged.
 */
export interface Conversion<T> {
  /** The kind in whose form objects are stored and watched. */
  readonly stored: Kind;
  fromStored(stored: Resource): T;
  toStored(object: T): Resource;
}

/** A type that is known by a schema of its own. */
export interface CustomType {
  /** Makes a body fit, in place, and fills in what it leaves out; a sentence for each field that is not known. Throws BadRequest for what cannot fit. */
  decode(body: object): string[];
  /** How its fields merge and are owned. */
  readonly fields: StructType;
  /** The schema that clients are shown. */
  readonly schema: JSONSchemaProps;
  /** The kinds of all served versions, this one among them. */
  versions(): readonly Kind[];
}

/** Reads one selectable field. A method's type, so that a Kind of something narrower is still a Kind. */
type FieldReader<T> = { read(object: T): string }['read'];

/** Whether an update raises the generation. A method's type as well. */
type GenerationRule<T> = { raises(now: T, before: T): boolean }['raises'];

interface KindSource<T extends Resource> {
  /** '' for the core group. */
  group: string;
  version: string;
  kind: string;
  /** What objects of this kind are, in a sentence that `kubectl explain` shows. */
  description?: string;
  plural: string;
  singular?: string;
  short?: readonly string[];
  categories?: readonly string[];
  namespaced: boolean;
  /** OpenAPI definition name in the schema data. */
  schema: string;
  /** How objects are decoded and owned whose type is not in the schema data, but in a definition that the cluster was given. */
  custom?: CustomType;
  /** Whether protobuf is neither read nor written, for want of field numbers. */
  jsonOnly?: boolean;
  /** The verbs served; all eight when absent. Review kinds serve `create` alone and are not stored. */
  verbs?: readonly Verb[];
  /** What everybody who asks for this kind is told, such as that it will go. For kinds that are only read. */
  deprecation?: string;
  /** Whether `status` is a subresource of its own, written apart from the rest. */
  status?: boolean;
  /** Whether a write of the status leaves all of the metadata as it is, labels and annotations too. */
  statusKeepsMetadata?: boolean;
  /** Fields that no update changes, besides the status: they belong to nobody. */
  resets?: readonly string[];
  /** Fields of the metadata that a write of the status leaves as they are, where it may change others. */
  statusKeeps?: readonly ('labels' | 'ownerReferences')[];
  scale?: ScaleAccess<T>;
  /** Further subresources, such as `log` or `binding`, by name: the verbs they answer to and the kind they speak. */
  subresources?: Readonly<Record<string, { verbs: readonly string[]; kind: string; group?: string; version?: string }>>;
  /** Whether an update of an object that does not exist creates it. */
  createdByUpdate?: boolean;
  /** Whether an update must name the version that it replaces; otherwise one that names none replaces whatever is there. */
  namesVersion?: boolean;
  /** Whether a deletion answers with the object as it last was; with a Status otherwise. */
  returnsDeleted?: boolean;
  /** A finalizer that every object gets as its deletion begins, for what is to be done before it goes. */
  deletionFinalizer?: string;
  /** `orphaned`: a deletion without a policy spares dependents; `none`: there are none, whatever policy is asked for. */
  dependents?: 'orphaned' | 'none';
  /** What names may look like; subdomain when absent. */
  nameFaults?(name: string): string[];
  /** Folder under `/registry/`; `<group>/<plural>` or `<plural>` for core when absent. Two versions of a kind share one. */
  storage?: string;
  /** Whether objects of this kind count generations, raised when anything but metadata and status changes, or where a function says so. */
  generation?: boolean | GenerationRule<T>;
  /**
   * Seconds of grace for a deletion that asks for `asked`, or names none; 0 removes at once. Absent for kinds without graceful
   * deletion.
   */
  graceSeconds?(object: T, asked: number | undefined): number;
  /** Present on versions that are stored in another version's form. */
  conversion?: Conversion<T>;
  /** Fills in upstream's defaults; runs on a decoded object before validation, and on objects sent to patch. */
  defaults?(object: T): void;
  /**
   * Before create, after defaults, with name, namespace, uid and creationTimestamp in place: clears or sets what a client may
   * not choose (status, for one). Status kinds lose `status` without it.
   */
  prepareCreate?(object: T, context: WriteContext): void;
  /** Before update of the object itself (no subresource): carries over what an update may not change. `status` is carried over already. */
  prepareUpdate?(object: T, before: T, context: WriteContext): void;
  /** Before a write of the status, or of a part of it such as `approval`: carries over what that may not change. */
  prepareStatus?(object: T, before: T, context: WriteContext, subresource: string): void;
  /** Faults beyond the schema's structure; `before` is there on updates. */
  check?(object: T, before: T | undefined): FieldError[];
  /** What a writer should know of an object that is accepted all the same; `before` is there on updates. */
  warnings?(object: T, before: T | undefined): string[];
  /** Faults of a status write. */
  checkStatus?(object: T, before: T): FieldError[];
  /** Faults of a write to another subresource that stores the same object, by its name; `check` does not run then. */
  checkSubresource?(subresource: string, object: T, before: T): FieldError[];
  /** All table columns in order; name and creation time when absent. */
  columns?: readonly Column<T>[];
  /** The order of a table's rows, where it is not that of the names. */
  rowOrder?(a: T, b: T): number;
  /** Selectable fields beyond metadata.name and metadata.namespace. */
  fields?: Readonly<Record<string, FieldReader<T>>>;
  /** What is said of a field that cannot be selected by, where upstream does not say the usual. */
  unknownField?(path: string): string;
}

/** A complete definition. */
export interface Kind<T extends Resource = Resource> extends KindSource<T> {
  /** `v1` or `apps/v1`. */
  readonly apiVersion: string;
  readonly singular: string;
  readonly short: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly Verb[];
  readonly storage: string;
  /** Carries T; never there at run time. */
  readonly object?: T;
}

/** Completes a definition. */
export function defineKind<T extends Resource>(source: KindSource<T>): Kind<T> {
  return {
    ...source,
    apiVersion: source.group ? `${source.group}/${source.version}` : source.version,
    singular: source.singular ?? source.kind.toLowerCase(),
    short: source.short ?? [],
    categories: source.categories ?? [],
    verbs: source.verbs ?? allVerbs,
    storage: source.storage ?? (source.group ? `${source.group}/${source.plural}` : source.plural),
  };
}

/** The type of a kind's objects. */
export type ObjectOf<K> = K extends Kind<infer T> ? T : never;

/** The type of what a client sends to create one. */
export type DraftOf<K> = K extends Kind<infer T> ? Draft<T> : never;
