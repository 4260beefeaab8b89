/** How a specification says that a pod has users of its own. */
import type { UserIds } from '../user-ids.ts';
import type { OciIdMapping, OciNamespace } from './oci-types.ts';

/** The pod's pinned namespace of users; nothing for a pod that shares the node's. */
export function userNamespace(pins: string, userIds: UserIds | undefined): OciNamespace[] {
  return userIds ? [{ type: 'user', path: `${pins}/user` }] : [];
}

/** Who its users are on the node: the namespace has that already, and mounts are made by it. */
export function userMappings(userIds: UserIds | undefined): {
  uidMappings?: OciIdMapping[];
  gidMappings?: OciIdMapping[];
} {
  if (!userIds) return {};
  const mapping = [{ containerID: 0, hostID: userIds.first, size: userIds.count }];
  return { uidMappings: mapping, gidMappings: mapping };
}
