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
    if (wanted[field] && wanted[field] !== is[field]) throw otherObject(kind, ref, field, wanted[field], is[field]);
  }
}

/** The refusal itself. */
export function otherObject(kind: Kind, ref: Ref, field: keyof typeof titles, wanted: string, is = ''): ApiError {
  const title = titles[field];
  const failed = `Precondition failed: ${title} in precondition: ${wanted}, ${title} in object meta: ${is}`;
  const because = `StorageError: invalid object, Code: 4, Key: ${storageKey(kind, ref)}, ResourceVersion: 0, AdditionalErrorMsg: ${failed}`;
  return conflict(kind, ref.name, because);
}
