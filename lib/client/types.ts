/** What components know of the API: verbs on typed kinds, and a watch over several of them in one order. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { Draft, Ref, Resource } from '#lib/meta/object.ts';

/** Conditions under which a write may happen; a failed one answers Conflict. */
export interface Preconditions {
  uid?: string;
  resourceVersion?: string;
}

export interface WriteOptions extends Preconditions {
  dryRun?: boolean;
  fieldManager?: string;
}

export type Propagation = 'Background' | 'Foreground' | 'Orphan';

export interface DeleteOptions extends Preconditions {
  gracePeriodSeconds?: number;
  propagationPolicy?: Propagation;
}

export interface ListOptions {
  /** All namespaces when absent or ''. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
}

export interface List<T> {
  items: T[];
  resourceVersion: string;
  continue: string;
}

/** The three patch types; server-side apply comes as a fourth. */
export type PatchType =
  | 'application/json-patch+json'
  | 'application/merge-patch+json'
  | 'application/strategic-merge-patch+json';

/** One kind to watch, narrowed by the server. */
export interface WatchTarget {
  kind: Kind;
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
}

export interface WatchEvent {
  type: 'PUT' | 'DELETE';
  /** Index into the watch's targets. */
  target: number;
  /** The object after the change; for DELETE its last state, whose resourceVersion is the deletion's. */
  object: Resource;
}

/** Changes up to and with `revision`. The batch with `synced` completes the initial state. */
export interface WatchBatch {
  events: WatchEvent[];
  revision: bigint;
  synced: boolean;
}

/**
 * Typed access to the API. Failures reject with ApiError; a lost connection rejects with ApiError ServiceUnavailable, and the
 * outcome of a write is then unknown.
 */
export interface Client {
  get<T extends Resource>(kind: Kind<T>, ref: Ref): Promise<T>;
  list<T extends Resource>(kind: Kind<T>, options?: ListOptions): Promise<List<T>>;
  /** `metadata.namespace` of the draft says where. */
  create<T extends Resource>(kind: Kind<T>, draft: Draft<T>, options?: WriteOptions): Promise<T>;
  /** Compares with the object's own resourceVersion. */
  update<T extends Resource>(kind: Kind<T>, object: T, options?: WriteOptions): Promise<T>;
  updateStatus<T extends Resource>(kind: Kind<T>, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends Resource>(
    kind: Kind<T>,
    ref: Ref,
    type: PatchType,
    patch: object,
    options?: WriteOptions & { subresource?: string },
  ): Promise<T>;
  /** The object as it was last; for a graceful deletion with its deletionTimestamp. */
  delete<T extends Resource>(kind: Kind<T>, ref: Ref, options?: DeleteOptions): Promise<T>;
  /** POST or PUT to another subresource (`binding`, `eviction`, `finalize`, `token`); resolves to its answer. */
  post(kind: Kind, ref: Ref, subresource: string, body: object): Promise<unknown>;
  put(kind: Kind, ref: Ref, subresource: string, body: object): Promise<unknown>;
  /**
   * One stream over all targets: their state first, or only what came after revision `after`. Ends by throwing: ApiError Expired when
   * `after` is compacted, the signal's reason when aborted, ServiceUnavailable when the connection is lost.
   */
  watch(
    targets: readonly WatchTarget[],
    options: { after?: bigint; batchMs?: number; signal: AbortSignal },
  ): AsyncIterable<WatchBatch>;
}

/** A change that a view has applied; `object` is absent after a deletion, `before` after a creation. */
export interface ViewChange<T extends Resource = Resource> {
  kind: Kind<T>;
  object: T | undefined;
  before: T | undefined;
}

/**
 * A local copy of some kinds, consistent across them: every object is as of one revision. Objects are shared and must not be
 * changed; copy before editing.
 */
export interface View {
  /** Everything up to this revision is applied; 0n before the first state is complete. */
  readonly revision: bigint;
  /** The kinds that are watched. */
  readonly kinds: readonly Kind[];
  get<T extends Resource>(kind: Kind<T>, ref: Ref): T | undefined;
  /** All of a kind, or of one namespace. Order is that of insertion. */
  list<T extends Resource>(kind: Kind<T>, namespace?: string): T[];
  /** The object with this uid among all watched kinds. */
  byUid(uid: string): Resource | undefined;
  /** Objects for which `index` gave `value`; the index must be declared when the view is made, for this kind or for all. */
  indexed<T extends Resource>(kind: Kind<T>, index: string, value: string): T[];
  /** Calls `listener` after every applied batch with its changes (only real ones). Returns the way to stop. */
  onChange(listener: (changes: readonly ViewChange[]) => void): () => void;
  /** Resolves once `revision` is applied; rejects when aborted. */
  waitFor(revision: bigint, signal?: AbortSignal): Promise<void>;
  /** Resolves once the first state is complete. */
  ready(signal?: AbortSignal): Promise<void>;
}

/** Index name -> the values an object is found under. One without a kind is of every kind. */
export type Indexes = Readonly<Record<string, { kind?: Kind; values(object: never): readonly string[] }>>;
