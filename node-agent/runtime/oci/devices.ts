/** The device files of this machine. */
import { chownSync, lstatSync, readdirSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import path from 'node:path';
import { demandCommand } from '#lib/env/command.ts';
import type { ContainerSpec, GivenNode, Mount } from '../types.ts';
import type { UserIds } from '../user-ids.ts';
import type { OciDevice } from './oci-types.ts';
import type { ContainerUser } from './users.ts';

/** The node's devices, for privileged containers. Terminals and shared memory are each container's own. */
export function listDevices(folder = '/dev'): OciDevice[] {
  const apart = new Set(['/dev/pts', '/dev/shm', '/dev/fd', '/dev/mqueue', '/dev/console']);
  return readdirSync(folder).flatMap((name): OciDevice[] => {
    const file = path.join(folder, name);
    const found = apart.has(file) ? undefined : lstatSync(file, { throwIfNoEntry: false });
    if (!found) return [];
    if (found.isDirectory()) return listDevices(file);
    if (!found.isCharacterDevice() && !found.isBlockDevice()) return [];
    return [describe(file, found)];
  });
}

/** Read and write, for those who neither own a file nor are of its group. */
const othersReadWrite = 0o006;

/**
 * Of the node's devices those that anybody there may use: what a privileged container finds whose root is nobody on the node. crun makes it nodes of its own for them, which belong to that root, so
 * that their mode on the node is all that keeps it from the others.
 */
export function openToAll(devices: readonly OciDevice[]): OciDevice[] {
  return devices.filter(({ fileMode }) => (fileMode & othersReadWrite) === othersReadWrite);
}

/**
 * The block devices among a container's mounts and those it was given, as it finds them; those whose owner nobody tells, where they are told of, belong to `user`. Throws for a source that is gone, or is no
 * device.
 */
export function givenDevices(
  { mounts, devices = [] }: Pick<ContainerSpec, 'mounts' | 'devices'>,
  user: Pick<ContainerUser, 'uid' | 'gid'> = { uid: 0, gid: 0 },
): GivenDevice[] {
  const ofVolumes = mounts
    .filter(({ device }) => device)
    .map(({ source, target, readOnly }): GivenNode => ({ source, target, access: readOnly ? 'r' : 'rwm' }));
  return [...ofVolumes, ...devices].flatMap(({ source, target, access, as }): GivenDevice[] => {
    if (as) return [{ device: { ...user, ...likeTold(source, target, as) }, access, asTold: true }];
    const found = statSync(source);
    if (!found.isDirectory()) return [{ device: describe(target, demandDevice(source, found)), access }];
    return listDevices(source).map((device) => ({
      device: { ...device, path: path.join(target, path.relative(source, device.path)) },
      access,
    }));
  });
}

/** A device as the container finds it, and what it may do with it. */
export interface GivenDevice {
  device: OciDevice;
  /** Some of `r`, `w` and `m`. */
  access: string;
  /** Its mode and its owner are the container's affair, and not those of a device of the node. */
  asTold?: boolean;
}

const everybodysMode = 0o666;

/** As upstream: the node is only looked at for what is not said, and the owner is the container's user when nobody else is named. */
function likeTold(
  source: string,
  target: string,
  { type, major, minor = 0, fileMode = everybodysMode, ...owner }: NonNullable<GivenNode['as']>,
): Omit<OciDevice, 'uid' | 'gid'> & Partial<Pick<OciDevice, 'uid' | 'gid'>> {
  const like = { path: target, fileMode: fileMode & 0o7777, ...owner };
  if (type === 'p') return { ...like, type, major: 0, minor: 0 };
  if (type && major) return { ...like, type, major, minor };
  let found: Stats;
  try {
    found = lstatSync(source);
  } catch (error) {
    const because = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file or directory' : String(error);
    throw new Error(`failed to stat CDI host device "${source}": ${because}`, { cause: error });
  }
  if (!type && found.isFIFO()) return { ...like, type: 'p', major: 0, minor: 0 };
  const real = describe(target, demandDevice(source, found));
  if (type && type !== real.type) {
    throw new Error(`CDI device ("${target}", "${source}"), host type mismatch (${type}, ${real.type})`);
  }
  return { ...like, type: real.type, ...(major ? { major, minor } : { major: real.major, minor: real.minor }) };
}

/** What a container's root may do with a node, whatever the machine's may; its cgroup has the last word. */
const ownersMode = 0o660;

function demandDevice(file: string, found: Stats): Stats {
  if (found.isCharacterDevice() || found.isBlockDevice()) return found;
  throw new Error(`${file} is not a device node`);
}

/**
 * Makes nodes for the devices of a container that belong to the root of a pod with users of its own, in a folder of the container's; the mounts that
 * show them.
 */
export async function makeNodes(
  folder: string,
  given: readonly GivenDevice[],
  { first, count }: UserIds,
): Promise<Mount[]> {
  const made: Mount[] = [];
  for (const { device, access, asTold } of given) {
    const source = path.join(folder, `device-${made.length}`);
    const { type, major, minor, fileMode, path: target } = device;
    const mode = `--mode=${(asTold ? fileMode : fileMode | ownersMode).toString(8)}`;
    const numbers = type === 'p' ? [] : [String(major), String(minor)];
    await demandCommand('show a device', 'mknod', [mode, source, type, ...numbers]);
    const owner = asTold ? device : { uid: 0, gid: 0 };
    if (owner.uid >= count || owner.gid >= count) throw new Error(`${target} belongs to nobody of the pod`);
    chownSync(source, first + owner.uid, first + owner.gid);
    made.push({ source, target, readOnly: !access.includes('w'), propagation: 'private' });
  }
  return made;
}

function describe(file: string, found: Stats): OciDevice {
  const { major, minor } = deviceNumbers(found.rdev);
  const type = found.isBlockDevice() ? 'b' : 'c';
  return { path: file, type, major, minor, fileMode: found.mode & 0o777, uid: found.uid, gid: found.gid };
}

/** As glibc packs them. */
export function deviceNumbers(rdev: number): { major: number; minor: number } {
  const value = BigInt(rdev);
  return {
    major: Number(((value >> 8n) & 0xfffn) | ((value >> 32n) & 0xfffff000n)),
    minor: Number((value & 0xffn) | ((value >> 12n) & 0xffffff00n)),
  };
}
