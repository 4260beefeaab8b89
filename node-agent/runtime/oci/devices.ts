/** The device files of this machine. */
import { chownSync, lstatSync, readdirSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import path from 'node:path';
import { demandCommand } from '#lib/env/command.ts';
import type { Mount } from '../types.ts';
import type { UserIds } from '../user-ids.ts';
import type { OciDevice } from './oci-types.ts';

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

/** The block devices among a container's mounts, as it finds them. Throws for a source that is gone. */
export function volumeDevices(mounts: readonly Mount[]): { device: OciDevice; readOnly: boolean }[] {
  return mounts
    .filter(({ device }) => device)
    .map(({ source, target, readOnly }) => ({ device: describe(target, statSync(source)), readOnly }));
}

/**
 * Makes nodes for the block devices among a container's mounts that belong to the root of a pod with users of its own, in a folder of the container's; the mounts that
 * show them.
 */
export async function makeNodes(folder: string, mounts: readonly Mount[], { first }: UserIds): Promise<Mount[]> {
  const made: Mount[] = [];
  for (const mount of mounts.filter(({ device }) => device)) {
    const node = path.join(folder, `device-${made.length}`);
    const { major, minor } = deviceNumbers(statSync(mount.source).rdev);
    await demandCommand('show a device', 'mknod', ['--mode=660', node, 'b', String(major), String(minor)]);
    chownSync(node, first, first);
    made.push({ ...mount, source: node, device: false });
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
