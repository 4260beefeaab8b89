/** Reads the files of the Container Device Interface on this node. */
import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { catalogOf } from './resolve.ts';
import type { CdiCatalog, CdiFile } from './resolve.ts';

export interface CdiLimits {
  /** In each folder. */
  files: number;
  bytesOfFile: number;
}
const limits: CdiLimits = { files: 256, bytesOfFile: 4 * 1024 * 1024 };

/** All devices that the files in these folders tell of; a folder need not be there. What cannot be read is among the faults. */
export async function readCdi(folders: readonly string[], { files: most, bytesOfFile } = limits): Promise<CdiCatalog> {
  const faults: string[] = [];
  const read: CdiFile[][] = [];
  for (const folder of folders) {
    const names = await namesIn(folder, faults);
    if (names.length > most) faults.push(`${folder}: of more than ${most} files, the first count`);
    const files: CdiFile[] = [];
    for (const name of names.slice(0, most)) {
      const file = path.join(folder, name);
      try {
        files.push({ path: file, text: await readSmall(file, bytesOfFile) });
      } catch (error) {
        faults.push(`${file}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    read.push(files);
  }
  const catalog = catalogOf(read);
  return { ...catalog, faults: [...faults, ...catalog.faults] };
}

async function namesIn(folder: string, faults: string[]): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => /\.(?:json|yaml)$/.test(entry.name) && !entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') faults.push(`${folder}: ${(error as Error).message}`);
    return [];
  }
}

/** Links are followed, as upstream; nothing that is no file can hold up the agent. */
async function readSmall(file: string, mostBytes: number): Promise<string> {
  await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  const found = await handle.stat();
  if (!found.isFile()) throw new Error('is no file');
  if (found.size > mostBytes) throw new Error(`is larger than ${mostBytes} bytes`);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(found.size), 0, found.size, 0);
  return buffer.toString('utf8', 0, bytesRead);
}
