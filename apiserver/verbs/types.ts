/** The verbs: what REST and gRPC translate to. Each authorises, decodes, defaults, admits, validates, stores. Failures reject with ApiError. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { Ref, Resource } from '#lib/meta/object.ts';
import type { Entry } from '../store/world-types.ts';

/** Who asks, as authentication found. */
export interface Caller {
  name: string;
  uid?: string;
  groups: readonly string[];
  extra?: Readonly<Record<string, readonly string[]>>;
}

/** What a write has to tell besides its result. */
export interface WriteNotes {
  /** Sentences for the client's user. */
  warnings: string[];
  /** Whether a patch or an update created the object. */
  created: boolean;
  /** Adds to what the audit log holds of the write; absent when it holds nothing. */
  annotate?(key: string, value: string): void;
}

export interface WriteOptions {
  /** Filled by the write when given. */
  notes?: WriteNotes;
  dryRun?: boolean;
  /** Who is to own the fields written; the caller by name when absent. */
  fieldManager?: string;
  /** Whether an apply takes over what others own. */
  force?: boolean;
  fieldValidation?: 'Strict' | 'Warn' | 'Ignore';
  /** Sentences on fields that the body gave twice. */
  duplicates?: readonly string[];
  /** Preconditions; a failed one answers Conflict. */
  uid?: string;
  resourceVersion?: string;
  /** '' or a subresource that stores the same object (`status`, `scale`, `binding`, `finalize`, ...). */
  subresource?: string;
}

export interface DeleteOptions {
  dryRun?: boolean;
  gracePeriodSeconds?: number;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  /** The older form of a policy, by which the answer still goes. */
  orphanDependents?: boolean;
  preconditions?: { uid?: string; resourceVersion?: string };
}

export interface ListOptions {
  namespace: string;
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
  resourceVersion?: string;
  resourceVersionMatch?: string;
}

export interface ListResult {
  entries: Entry[];
  /** 0 for what is not stored. */
  revision: bigint;
  continue: string;
  remainingItemCount?: number;
}

export interface WatchTarget {
  kind: Kind;
  namespace: string;
  labelSelector?: string;
  fieldSelector?: string;
}

/**
 * A change as a watcher with selectors sees it: an object that starts to match is ADDED, one that ceases to is DELETED (in its last matching state, with
 * the resourceVersion of the change).
 */
export interface WatchChange {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  target: number;
  entry: Entry;
}

export interface WatchHandlers {
  /** Changes in order; `revision` is reached with them; `synced` once, when the initial state is complete. */
  onChanges(changes: readonly WatchChange[], revision: bigint, synced: boolean): void;
  /** The watch is over: Expired when its position is lost. */
  onEnd(error: Error): void;
}

/** Bodies are parsed JSON values; the verbs decode them. */
export interface Verbs {
  get(
    caller: Caller,
    kind: Kind,
    ref: Ref,
    options?: { resourceVersion?: string; subresource?: string },
  ): Promise<Entry>;
  list(caller: Caller, kind: Kind, options: ListOptions): Promise<ListResult>;
  /** `after` undefined: the state first, as changes of type ADDED. Throws Expired at once when the position is gone. */
  watch(
    caller: Caller,
    targets: readonly WatchTarget[],
    after: bigint | undefined,
    handlers: WatchHandlers,
  ): Promise<{ close(): void }>;
  create(caller: Caller, kind: Kind, namespace: string, body: unknown, options?: WriteOptions): Promise<Entry>;
  /** POST to a subresource of an object that exists, such as pods/binding and pods/eviction. */
  createSubresource(
    caller: Caller,
    kind: Kind,
    ref: Ref,
    subresource: string,
    body: unknown,
    options?: WriteOptions,
  ): Promise<Resource>;
  update(caller: Caller, kind: Kind, ref: Ref, body: unknown, options?: WriteOptions): Promise<Entry>;
  patch(caller: Caller, kind: Kind, ref: Ref, type: string, patch: unknown, options?: WriteOptions): Promise<Entry>;
  /** The object gone, or marked for deletion. */
  delete(caller: Caller, kind: Kind, ref: Ref, options?: DeleteOptions): Promise<{ entry: Entry; removed: boolean }>;
  deleteCollection(caller: Caller, kind: Kind, list: ListOptions, options?: DeleteOptions): Promise<ListResult>;
}
