/** The kernel's mounts: reading them, making them, and never deleting through one. */
import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Where something is mounted in this mount namespace, in the order it was mounted. */
export async function mountPoints(): Promise<string[]> {
  const text = await readFile('/proc/self/mountinfo', 'utf8');
  return parseMountInfo(text);
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

/** Mounts a new file system of a type that needs no device, such as `tmpfs`. */
export async function mountFileSystem(type: string, target: string, options: string): Promise<void> {
  await execute('mount', ['-t', type, '-o', options, type, target]);
}

/** Binds without resolving names again: `source` may be a /proc/PID/fd link to what was opened safely. */
export async function bindMount(source: string, target: string): Promise<void> {
  await execute('mount', ['--no-canonicalize', '--bind', source, target]);
}

export async function unmount(target: string): Promise<void> {
  await execute('umount', ['--no-canonicalize', target]);
}

/** Unmounts everything at and below a folder, deepest and latest first; what is busy goes when its last user does. */
async function unmountBelow(folder: string): Promise<void> {
  const inside = (await mountPoints()).filter((point) => point === folder || point.startsWith(`${folder}/`));
  for (const point of inside.toReversed()) {
    await unmount(point).catch(() => execute('umount', ['--no-canonicalize', '--lazy', point]));
  }
}

/** Deletes a folder with everything below it; refuses while anything is mounted there. */
export async function removeTree(folder: string): Promise<void> {
  await unmountBelow(folder);
  const left = (await mountPoints()).filter((point) => point === folder || point.startsWith(`${folder}/`));
  if (left.length > 0) throw new Error(`Cannot remove ${folder}: ${left[0]} is still mounted`);
  await rm(folder, { recursive: true, force: true });
}
