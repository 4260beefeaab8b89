/** A small disk of its own for what must fill one up. */
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { run } from '../../cli/cluster/run.ts';

export interface SmallDisk {
  /** Where it is mounted. */
  folder: string;
  remove(): Promise<void>;
}

/** Makes a file system of that size in a file, which takes of the real disk only what is written to it. */
export async function makeSmallDisk(bytes: number): Promise<SmallDisk> {
  const root = mkdtempSync(path.join(os.tmpdir(), 'wherry-disk-'));
  // Short: paths of sockets may not be long.
  const folder = `${root}/d`;
  mkdirSync(folder);
  writeFileSync(`${root}/disk`, '');
  truncateSync(`${root}/disk`, bytes);
  await run('mkfs.ext4', ['-q', '-m', '0', '-O', '^has_journal', '-E', 'lazy_itable_init=1', `${root}/disk`]);
  await run('mount', ['-o', 'loop', `${root}/disk`, folder]);
  return {
    folder,
    async remove() {
      await run('umount', [folder]);
      rmSync(root, { recursive: true, force: true });
    },
  };
}
