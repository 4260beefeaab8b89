/** Who a container runs as and what it may do, from what its specification wishes and what image and node have. Pure. */
import { StartError } from '../types.ts';
import type { ContainerSpec } from '../types.ts';
import type { UserIds } from '../user-ids.ts';
import { grantCapabilities } from './capabilities.ts';
import type { HostFacts } from './host.ts';
import { refuseStrangers, resolveUser } from './users.ts';
import type { ContainerUser } from './users.ts';

/** The files of the image that name its users. */
export interface Accounts {
  passwd: string;
  group: string;
}

export interface Grants {
  user: ContainerUser;
  /** `CAP_...`. */
  capabilities: string[];
  /** `RuntimeDefault` or the path of a profile; undefined for no filter. */
  seccomp: string | undefined;
}

/** Throws StartError for what cannot or must not be. `userIds` are those of a pod with users of its own. */
export function grantsOf(
  spec: ContainerSpec,
  { passwd, group }: Accounts,
  host: Pick<HostFacts, 'capabilities' | 'seccomp'>,
  userIds: UserIds | undefined,
): Grants {
  const user = resolveUser(spec, passwd, group);
  if (userIds) refuseStrangers(user, userIds);
  if (spec.runAsNonRoot && user.uid === 0) {
    const where = `(pod: "${spec.pod.name}_${spec.pod.namespace}(${spec.pod.uid})", container: ${spec.name})`;
    const message = `container has runAsNonRoot and image will run as root ${where}`;
    throw new StartError('CreateContainerConfigError', message);
  }
  const { privileged, capabilitiesAdd, capabilitiesDrop, seccomp } = spec.security;
  const wishes = { privileged, add: capabilitiesAdd, drop: capabilitiesDrop };
  return {
    user,
    capabilities: grantCapabilities(wishes, host.capabilities),
    seccomp: privileged || !host.seccomp || seccomp === 'Unconfined' ? undefined : seccomp,
  };
}
