/** Who names an owner decides when the object goes, and may hold the owner back: both take the right to do so directly. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { OwnerReference, Resource } from '#lib/meta/object.ts';
import type { Authorizer } from '../auth/authorize.ts';
import { refusal } from './types.ts';
import type { AdmissionPlugin } from './types.ts';

/** Makes the plugin; `kindOf` finds the kind that an owner reference names. */
export function makeOwnerReferencesPermission(
  authorize: Authorizer,
  kindOf: (apiVersion: string, kind: string) => Kind | undefined,
): AdmissionPlugin {
  return {
    name: 'OwnerReferencesPermissionEnforcement',
    validate(request) {
      const { operation, kind, namespace, name, subresource, object, before, caller } = request;
      if (operation === 'DELETE' || subresource === 'status') return;
      if (!changesOwners(object, before)) return;
      const attempt = { verb: 'delete', group: kind.group, plural: kind.plural, subresource, namespace, name };
      const own = authorize(caller, attempt);
      if (!own.allowed) {
        throw refusal(request, `cannot set an ownerRef on a resource you can't delete: ${own.reason}, <nil>`);
      }
      for (const owner of newlyBlocking(object, before)) {
        const ownerKind = kindOf(owner.apiVersion, owner.kind);
        if (!ownerKind) {
          throw refusal(
            request,
            `cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion ${owner.apiVersion} Kind ${owner.kind}: no matches for kind "${owner.kind}" in version "${owner.apiVersion}"`,
          );
        }
        const { allowed, reason } = authorize(caller, {
          verb: 'update',
          group: ownerKind.group,
          plural: ownerKind.plural,
          subresource: 'finalizers',
          namespace: ownerKind.namespaced ? namespace : '',
          name: owner.name,
        });
        if (allowed) continue;
        throw refusal(
          request,
          `cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: ${reason}, <nil>`,
        );
      }
    },
  };
}

function ownersOf(object: Resource | undefined): readonly OwnerReference[] {
  return object?.metadata.ownerReferences ?? [];
}

/** Whether owners are added, changed or taken away; which of them controls does not matter. */
function changesOwners(now: Resource, before: Resource | undefined): boolean {
  const identity = (object: Resource | undefined) =>
    ownersOf(object)
      .map(({ uid, blockOwnerDeletion = false }) => `${uid} ${blockOwnerDeletion}`)
      .sort()
      .join();
  return identity(now) !== identity(before);
}

function newlyBlocking(now: Resource, before: Resource | undefined): OwnerReference[] {
  const blocked = new Set(ownersOf(before).flatMap(({ uid, blockOwnerDeletion }) => (blockOwnerDeletion ? [uid] : [])));
  return ownersOf(now).filter(({ uid, blockOwnerDeletion }) => blockOwnerDeletion === true && !blocked.has(uid));
}
