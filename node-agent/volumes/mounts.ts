/** The kernel's mounts: reading them, making them, and never deleting through one. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { removeFolder } from '#lib/env/remove-folder.ts';

const execute = promisify(execFile);

const readMountInfo = () => readFileSync('/proc/self/mountinfo', 'utf8');

/** Where something is mounted in this mount namespace, in the order it was mounted. */
export async function mountPoints(): Promise<string[]> {
  return parseMountInfo(readMountInfo());
}

/** The mount points at and below a folder. A node has thousands of mounts, and mostly none of them there: then one search tells. */
function mountPointsBelow(folder: string): string[] {
  const text = readMountInfo();
  const escaped = folder.replaceAll(/[\s\\]/g, (sign) => `\\${sign.charCodeAt(0).toString(8).padStart(3, '0')}`);
  if (!text.includes(escaped)) return [];
  return parseMountInfo(text).filter((point) => point === folder || point.startsWith(`${folder}/`));
}

/** The mount points of a mountinfo text; octal escapes undone. */
export function parseMountInfo(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) =>
      line.split(' ')[4]!.replaceAll(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(parseInt(code, 8))),
    );
}

/** Mounts a new file system of a type that needs no device, such as `tmpfs`. Options may name files from the folder `from`. */
export async function mountFileSystem(type: string, target: string, options: string, from = '/'): Promise<void> {
  await execute('mount', ['-t', type, '-o', options, type, target], { cwd: from });
}

/** Binds without resolving names again: `source` may be a /proc/PID/fd link to what was opened safely. */
export async function bindMount(source: string, target: string): Promise<void> {
  await execute('mount', ['--no-canonicalize', '--bind', source, target]);
}

export async function unmount(target: string): Promise<void> {
  await execute('umount', ['--no-canonicalize', target]);
}

/** Unmounts these, the latest first; what is busy goes when its last user does. */
async function unmountAll(points: readonly string[]): Promise<void> {
  for (const point of points.toReversed()) {
    await unmount(point).catch(() => execute('umount', ['--no-canonicalize', '--lazy', point]));
  }
}

/** Deletes a folder with everything below it; refuses while anything is mounted there. */
export async function removeTree(folder: string): Promise<void> {
  // Most pods have nothing on the disk, and reading the table of mounts takes a millisecond where there are many.
  if (!existsSync(folder)) return;
  const points = mountPointsBelow(folder);
  await unmountAll(points);
  const [left] = points.length > 0 ? mountPointsBelow(folder) : [];
  if (left !== undefined) throw new Error(`Cannot remove ${folder}: ${left} is still mounted`);
  await removeFolder(folder);
}
