/** Objects that the API server itself keeps as they should be. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { equal } from '#lib/meta/equal.ts';
import { isReason } from '#lib/meta/errors.ts';
import type { Lookup } from './admission/types.ts';
import { ourselves } from './auth/ourselves.ts';
import type { Verbs } from './verbs/types.ts';

export interface Body {
  metadata: { name: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  [field: string]: unknown;
}

/** Creates the object if it is missing; else brings the named fields to what they should be. Fine beside another server that does the same. */
export async function ensure(
  verbs: Verbs,
  look: Lookup,
  kind: unknown,
  space: string,
  body: Body,
  content: readonly string[] = [],
): Promise<void> {
  const typed = kind as Kind;
  const ref = { namespace: space, name: body.metadata.name };
  const present = look.get(typed, ref) as Record<string, unknown> | undefined;
  if (!present) {
    try {
      await verbs.create(ourselves, typed, space, body);
    } catch (error) {
      // Another server was faster.
      if (!isReason(error, 'AlreadyExists')) throw error;
    }
    return;
  }
  const wanted = Object.fromEntries(content.map((field) => [field, body[field]]));
  if (content.every((field) => equal(present[field], wanted[field]))) return;
  await verbs.patch(ourselves, typed, ref, 'application/merge-patch+json', wanted);
}
