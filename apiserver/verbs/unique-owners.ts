/** Owner references that a client sends twice count once. */
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
  const seen = new Set<string>();
  const kept: OwnerReference[] = [];
  const twice: string[] = [];
  for (const owner of ownerReferences) {
    const { apiVersion, kind, name, uid, controller, blockOwnerDeletion } = owner;
    const all = JSON.stringify([apiVersion, kind, name, uid, controller, blockOwnerDeletion]);
    if (seen.has(all)) twice.push(uid);
    else kept.push(owner);
    seen.add(all);
  }
  if (twice.length === 0) return;
  metadata.ownerReferences = kept;
  warn(
    `.metadata.ownerReferences contains duplicate entries${when}; ${removal}; duplicate UID(s) observed: ${twice.join(', ')}`,
  );
}
