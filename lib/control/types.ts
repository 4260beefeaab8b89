/** The contracts of the work queue and of what controllers decide. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { Draft, Ref, Resource } from '#lib/meta/object.ts';

/** One turn of a key with a worker. */
export interface Job {
  key: string;
  /** Aborted when the queue stops. */
  signal: AbortSignal;
  /** A view must have applied this revision before the key is looked at; 0n when nothing is known. */
  after: bigint;
  /** Says up to which revision the next holder of this key, in whatever process, must have seen the world. */
  wrote(revision: bigint): void;
}

/**
 * client-go's work queue contract: a key waits at most once; one added while it is processed runs again afterwards; no two
 * workers hold one key; failures back off per key; of several delayed adds of a key the earliest holds. As a key waits at most
 * once, the queue is bounded by the number of distinct keys, which is that of the objects in the view.
 */
export interface WorkQueue {
  add(key: string): void;
  addAfter(key: string, delayMs: number): void;
  /** Starts up to `workers` turns at a time. A rejected `process` backs its key off, a resolved one forgets its failures. */
  run(workers: number, process: (job: Job) => Promise<void>): void;
  /** Keys waiting in this process, not counting delayed ones. */
  length(): number;
  /** Resolves when no worker holds a key any more. Nothing runs afterwards, and later adds are ignored. */
  stop(): Promise<void>;
}

/**
 * Events about the outcome of an action, on another object than its own. `{name}` in a message stands for the name of the object
 * acted upon (known only after a create with generateName), `{error}` for the failure's sentence.
 */
export interface Report {
  regarding: Resource;
  done?: { reason: string; message: string };
  failed?: { reason: string; message: string };
}

/**
 * What a controller wants done. The shell adds preconditions: uid always, resourceVersion for updates. Neighbours of one sort run
 * side by side, sorts follow each other in order; after a failure what follows is left out.
 */
export type Action =
  | { do: 'create'; kind: Kind; object: Draft<Resource>; report?: Report }
  | { do: 'update'; kind: Kind; object: Resource; report?: Report }
  | { do: 'status'; kind: Kind; object: Resource }
  /** A merge patch. */
  | { do: 'patch'; kind: Kind; target: Ref; uid: string; patch: object; subresource?: string; report?: Report }
  | {
      do: 'delete';
      kind: Kind;
      target: Ref;
      uid: string;
      gracePeriodSeconds?: number;
      propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
      /** Delete only this version of the object. */
      resourceVersion?: string;
      report?: Report;
    }
  /** PUT to a subresource that has its own body, such as `finalize`. */
  | { do: 'put'; kind: Kind; target: Ref; subresource: string; body: object }
  | { do: 'event'; regarding: Resource; type: 'Normal' | 'Warning'; reason: string; message: string }
  /** Look at this key again after a time, if nothing else wakes it. */
  | { do: 'wake'; afterMs: number };

/** An action that did not happen, and why. */
export interface Failure {
  action: Action;
  error: Error;
}
