/** Admission: rules that complete a write before it is validated, and rules that refuse it after. */
import { ApiError, forbidden } from '#lib/meta/errors.ts';
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
  /** What is to be stored; for DELETE, the object to go. */
  object: Resource;
  before: Resource | undefined;
  caller: Caller;
  dryRun: boolean;
  /** Tells the client's user something; the same sentence twice counts once. */
  warn(text: string): void;
  /** Adds to what the audit log holds of the request; absent when it holds nothing. */
  annotate?: ((key: string, value: string) => void) | undefined;
}

/** A refusal for want of something that a controller is about to make: it is tried again for a short while. */
export class NotYetError extends ApiError {}

/** What a plugin may look up: the state in memory. A refusal is tried again on the latest state before it counts. */
export interface Lookup {
  get<T extends Resource>(kind: Kind<T>, ref: Ref): T | undefined;
  list<T extends Resource>(kind: Kind<T>, namespace: string): Iterable<T>;
}

/** One phase of a plugin: throws an ApiError to refuse. */
export type AdmissionRule = (request: AdmissionRequest, look: Lookup) => void;

/** Upstream's two phases. Both are pure but for what they do to `request.object`. */
export interface AdmissionPlugin {
  /** As upstream names it. */
  name: string;
  /** Completes `request.object` in place, before validation. */
  admit?: AdmissionRule;
  /** Judges the object as it will be stored, after validation. */
  validate?: AdmissionRule;
}

/** All plugins as one. */
export interface Admission {
  admit: AdmissionRule;
  validate: AdmissionRule;
}

/** The refusal of a request, as upstream words those of its plugins. */
export function refusal({ kind, name }: AdmissionRequest, because: string): ApiError {
  return forbidden(kind, name, because);
}

/** Whether the request creates an object of this kind. */
export function creates({ operation, kind, subresource }: AdmissionRequest, wanted: Kind): boolean {
  return operation === 'CREATE' && subresource === '' && kind === wanted;
}
