/** Whether a write means the object that has its name now, or one that had it before. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { conflict } from '#lib/meta/errors.ts';
import type { ApiError } from '#lib/meta/errors.ts';
import type { Ref } from '#lib/meta/object.ts';
import { storageKey } from './selection.ts';

interface Version {
  uid?: string | undefined;
  resourceVersion?: string | undefined;
}

const titles = { uid: 'UID', resourceVersion: 'ResourceVersion' } as const;

/** Rejects with Conflict, in the words of upstream's storage, unless what is wanted is what `is` there. */
export function checkMeant(kind: Kind, ref: Ref, wanted: Version, is: Version): void {
  for (const field of ['uid', 'resourceVersion'] as const) {
    if (wanted[field] && wanted[field] !== is[field]) throw otherObject(kind, ref, failure(field, wanted, is));
  }
}

/** The same of the uid alone, for a subresource that upstream keeps apart from storage. */
export function checkMeantBy(
  subresource: string,
  { group, plural }: Kind,
  ref: Ref,
  wanted: Version,
  is: Version,
): void {
  if (!wanted.uid || wanted.uid === is.uid) return;
  throw conflict({ group, plural: `${plural}/${subresource}` }, ref.name, failure('uid', wanted, is));
}

/** The refusal of a write that means an object which is not there any more. */
export function goneObject(kind: Kind, ref: Ref, uid: string): ApiError {
  return otherObject(kind, ref, failure('uid', { uid }, {}));
}

function failure(field: keyof typeof titles, wanted: Version, is: Version): string {
  const title = titles[field];
  return `Precondition failed: ${title} in precondition: ${wanted[field]}, ${title} in object meta: ${is[field] ?? ''}`;
}

function otherObject(kind: Kind, ref: Ref, failed: string): ApiError {
  const because = `StorageError: invalid object, Code: 4, Key: ${storageKey(kind, ref)}, ResourceVersion: 0, AdditionalErrorMsg: ${failed}`;
  return conflict(kind, ref.name, because);
}
