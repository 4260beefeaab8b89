/** The contracts of the work queue and of what controllers decide. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { Draft, Ref, Resource } from '#lib/meta/object.ts';

/**
 * client-go's work queue contract: a key waits at most once; one added while it is processed runs again afterwards; no two
 * workers hold one key; failures back off per key; of several delayed adds of a key the earliest holds.
 */
export interface WorkQueue {
  add(key: string): void;
  addAfter(key: string, delayMs: number): void;
  /** Starts `workers` loops. A rejected `process` backs its key off, a resolved one forgets its failures. */
  run(workers: number, process: (key: string, signal: AbortSignal) => Promise<void>): void;
  /** Keys waiting, not counting delayed ones. */
  length(): number;
  /** Resolves when no worker holds a key any more. */
  stop(): Promise<void>;
}

/** What a controller wants done. The shell adds preconditions: uid always, resourceVersion for updates. */
export type Action =
  | { do: 'create'; kind: Kind; object: Draft<Resource> }
  | { do: 'update'; kind: Kind; object: Resource }
  | { do: 'status'; kind: Kind; object: Resource }
  | { do: 'patch'; kind: Kind; target: Ref; uid: string; patch: object; subresource?: string }
  | {
      do: 'delete';
      kind: Kind;
      target: Ref;
      uid: string;
      gracePeriodSeconds?: number;
      propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
    }
  | { do: 'event'; regarding: Resource; type: 'Normal' | 'Warning'; reason: string; message: string }
  /** Look at this key again after a time, if nothing else wakes it. */
  | { do: 'wake'; afterMs: number };
