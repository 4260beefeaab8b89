/** Holds a container's writable layer to a size: what does not fit the kernel refuses. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { runCommand } from '#lib/env/command.ts';
import type { containerFolders } from './folders.ts';
import { layerDiskScript, scriptNames } from './scripts.ts';

const quotaProgram = path.join(import.meta.dirname, 'project-quota.pl');

/** Whether the file system of a folder takes limits for each folder in it. To be asked where it is mounted to count by project. */
export function canLimitFolders(folder: string): boolean {
  return spawnSync('perl', [quotaProgram, 'probe', folder], { stdio: 'ignore' }).status === 0;
}

/**
 * Before anything is in it, and as often as asked: by a project quota where the file system has them, else by a file system of the layer's own in a file. Rejects with an
 * Error that says why neither was possible.
 */
export async function boundLayer(
  id: string,
  folders: Pick<ReturnType<typeof containerFolders>, 'layer' | 'layerDisk'>,
  bytes: number,
  projectQuotas: boolean,
): Promise<void> {
  mkdirSync(folders.layer, { recursive: true });
  const { exitCode, stderr } = projectQuotas
    ? await runCommand('perl', [quotaProgram, 'limit', folders.layer, String(bytes)])
    : await runCommand('sh', [
        '-c',
        layerDiskScript,
        scriptNames.container,
        id,
        folders.layerDisk,
        String(bytes),
        folders.layer,
      ]);
  if (exitCode !== 0) throw new Error(stderr.trim());
}
