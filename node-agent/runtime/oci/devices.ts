/** The device files of this machine. */
import { lstatSync, readdirSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import path from 'node:path';
import type { Mount } from '../types.ts';
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
