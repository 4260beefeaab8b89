/** Who a container runs as, by the image's /etc/passwd and /etc/group. */
import { StartError } from '../types.ts';
import type { UserIds } from '../user-ids.ts';

export interface ContainerUser {
  uid: number;
  gid: number;
  /** All groups besides, the primary one included. */
  additionalGids: number[];
}

export interface UserWishes {
  /** `uid`, `uid:gid`, `name` or `name:group`; '' is root. */
  user: string;
  runAsGroup?: number;
  supplementalGroups: readonly number[];
  /** The groups that list the user do not count. */
  strictGroups?: boolean;
}

/**
 * Looks the user up. A numeric user need not be listed, then its group is 0; a name must be. The groups that list the user
 * count unless the user was given with a group, or the wishes are strict. Throws StartError for unknown names.
 */
export function resolveUser(wishes: UserWishes, passwd: string, group: string): ContainerUser {
  const [name = '', groupName] = wishes.user.split(':');
  const entry = findUser(name, passwd);
  const groups = readGroups(group);
  const gid = wishes.runAsGroup ?? (groupName ? findGroup(groupName, groups) : entry.gid);
  const listed =
    groupName || wishes.strictGroups
      ? []
      : groups.filter(({ members }) => members.includes(entry.name)).map((item) => item.gid);
  return {
    uid: entry.uid,
    gid,
    additionalGids: [...new Set([gid, ...listed, ...wishes.supplementalGroups])].sort((a, b) => a - b),
  };
}

/** Throws StartError for users and groups that a pod with users of its own does not have. */
export function refuseStrangers({ uid, gid, additionalGids }: ContainerUser, { count }: UserIds): void {
  const strange = [uid, gid, ...additionalGids].find((id) => id >= count);
  if (strange === undefined) return;
  throw new StartError(
    'CreateContainerError',
    `user or group ${strange} is beyond the ${count} that a pod with hostUsers: false has`,
  );
}

function findUser(name: string, passwd: string): { name: string; uid: number; gid: number } {
  const wanted = name === '' ? '0' : name;
  const isNumber = /^\d+$/.test(wanted);
  for (const [entry = '', , uid, gid] of fields(passwd)) {
    if (isNumber ? Number(uid) === Number(wanted) && uid !== '' : entry === wanted)
      return { name: entry, uid: Number(uid), gid: Number(gid) };
  }
  if (!isNumber)
    throw new StartError('CreateContainerError', `unable to find user ${name}: no matching entries in passwd file`);
  return { name: '', uid: Number(wanted), gid: 0 };
}

function findGroup(name: string, groups: readonly { name: string; gid: number }[]): number {
  if (/^\d+$/.test(name)) return Number(name);
  const found = groups.find((item) => item.name === name);
  if (!found)
    throw new StartError('CreateContainerError', `unable to find group ${name}: no matching entries in group file`);
  return found.gid;
}

function readGroups(group: string): { name: string; gid: number; members: string[] }[] {
  return fields(group).map(([name = '', , gid, members = '']) => ({
    name,
    gid: Number(gid),
    members: members.split(',').filter((member) => member !== ''),
  }));
}

function fields(text: string): string[][] {
  return text
    .split('\n')
    .map((line) => line.trim().split(':'))
    .filter((parts) => parts.length >= 3 && /^\d+$/.test(parts[2]!));
}
