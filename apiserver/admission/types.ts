/** Admission: rules that complete or refuse a write, between decoding and validation. */
import { ApiError } from '#lib/meta/errors.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { Ref, Resource } from '#lib/meta/object.ts';
import type { Caller } from '../verbs/types.ts';

export interface AdmissionRequest {
  operation: 'CREATE' | 'UPDATE' | 'DELETE';
  kind: Kind;
  /** '' for cluster-scoped kinds. */
  namespace: string;
  name: string;
  /** '' for the object itself. */
  subresource: string;
  /** What is to be stored, which a plugin may complete; for DELETE, the object to go. */
  object: Resource;
  before: Resource | undefined;
  caller: Caller;
}

/** A refusal for want of something that a controller is about to make: it is tried again for a short while. */
export class NotYetError extends ApiError {}

/** What a plugin may look up: the state in memory. A refusal is tried again on the latest state before it counts. */
export interface Lookup {
  get<T extends Resource>(kind: Kind<T>, ref: Ref): T | undefined;
  list<T extends Resource>(kind: Kind<T>, namespace: string): Iterable<T>;
}

/** Completes `request.object` in place, or throws an ApiError to refuse. */
export type AdmissionPlugin = (request: AdmissionRequest, look: Lookup) => void;
