/** hostPath volumes: checks and makes what the type asks for. */
import type { Stats } from 'node:fs';
import { mkdir, open, stat } from 'node:fs/promises';
import type { HostPathVolumeSource } from '#lib/kinds/gen/core-v1.ts';

type PathType = NonNullable<HostPathVolumeSource['type']>;

const checks: Partial<Record<PathType, { is: (stats: Stats) => boolean; what: string }>> = {
  Directory: { is: (stats) => stats.isDirectory(), what: 'directory' },
  DirectoryOrCreate: { is: (stats) => stats.isDirectory(), what: 'directory' },
  File: { is: (stats) => stats.isFile(), what: 'file' },
  FileOrCreate: { is: (stats) => stats.isFile(), what: 'file' },
  Socket: { is: (stats) => stats.isSocket(), what: 'socket file' },
  CharDevice: { is: (stats) => stats.isCharacterDevice(), what: 'character device' },
  BlockDevice: { is: (stats) => stats.isBlockDevice(), what: 'block device' },
};

/** The path on the node; rejects with upstream's sentence when it is not what the volume says. */
export async function hostPath({ path, type = '' }: HostPathVolumeSource): Promise<string> {
  const existing = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!existing && type === 'FileOrCreate') await (await open(path, 'a', 0o644)).close();
  else if (!existing && (type === 'DirectoryOrCreate' || type === ''))
    await mkdir(path, { recursive: true, mode: 0o755 });
  const check = checks[type];
  if (check && !check.is(existing ?? (await stat(path).catch(() => missing(path, check.what)))))
    missing(path, check.what);
  return path;
}

function missing(path: string, what: string): never {
  throw new Error(`hostPath type check failed: ${path} is not a ${what}`);
}
