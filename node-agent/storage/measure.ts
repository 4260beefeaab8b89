/** How much folders hold, told by `du`: one process for many folders. */
import { runCommand } from '#lib/env/command.ts';

/** Folders in one call; more take another. */
const mostAtOnce = 500;
/** A look that takes longer than this is given up: the disk has other troubles then. */
const limitMs = 60_000;

/**
 * What each folder takes of its disk, in bytes; or how many inodes, with `inodes`. Hard links count once over all folders, other file systems mounted below not
 * at all. A folder that is gone is missing. Files that vanish meanwhile do not matter.
 */
export async function measureFolders(
  folders: readonly string[],
  what: 'bytes' | 'inodes' = 'bytes',
): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for (let at = 0; at < folders.length; at += mostAtOnce) {
    const some = folders.slice(at, at + mostAtOnce);
    const { stdout } = await runCommand(
      'du',
      ['-sx', '-0', what === 'inodes' ? '--inodes' : '--block-size=1', '--', ...some],
      '',
      limitMs,
    );
    for (const line of stdout.split('\0')) {
      const [amount, folder] = line.split('\t');
      if (folder !== undefined) sizes.set(folder, Number(amount));
    }
  }
  return sizes;
}
