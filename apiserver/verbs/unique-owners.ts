/** Owner references that a client sends twice count once. */
import { equal } from '#lib/meta/equal.ts';
import type { ObjectMeta, OwnerReference } from '#lib/meta/object.ts';

const removal =
  'API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests';

/**
 * Leaves one of each of the owner references, and warns where that takes some away: `when` says at which step of the request.
 * Changes `metadata`.
 */
export function keepUniqueOwners(
  metadata: Partial<ObjectMeta>,
  warn: (text: string) => void,
  when: '' | ' after mutating admission happens' = '',
): void {
  const { ownerReferences = [] } = metadata;
  if (ownerReferences.length < 2) return;
  const kept: OwnerReference[] = [];
  const twice: string[] = [];
  for (const owner of ownerReferences) {
    if (kept.some((other) => equal(other, owner))) twice.push(owner.uid);
    else kept.push(owner);
  }
  if (twice.length === 0) return;
  metadata.ownerReferences = kept;
  warn(
    `.metadata.ownerReferences contains duplicate entries${when}; ${removal}; duplicate UID(s) observed: ${twice.join(', ')}`,
  );
}
