/** The audit log as a file that is set aside when it has grown, and whose old parts go by number and age; or as standard output. */
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { open, readdir, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { Env } from '#lib/env/env.ts';
import { backupName, doomedBackups } from './backups.ts';
import type { Target } from './sink.ts';

export interface LogFileConfig {
  /** `-` for standard output. */
  logFile: string;
  /** The file is set aside before it grows beyond this; 100 when absent. */
  maxSizeMb?: number;
  /** Files set aside are removed when they are older; 30 when absent, 0 keeps them. */
  maxAgeDays?: number;
  /** So many files set aside are kept, the newest; 10 when absent, 0 keeps all. */
  maxBackups?: number;
}

/** Opens the file when it is first written. Only our own user may read it. */
export function openLog(config: LogFileConfig, env: Env): Target {
  return config.logFile === '-' ? standardOutput : makeFile(config, env);
}

/** Throws when the file cannot be written. */
export function demandLog({ logFile }: LogFileConfig): void {
  if (logFile === '-') return;
  mkdirSync(path.dirname(logFile), { recursive: true });
  closeSync(openSync(logFile, 'a', 0o600));
}

function makeFile({ logFile, maxSizeMb = 100, maxAgeDays = 30, maxBackups = 10 }: LogFileConfig, env: Env): Target {
  const limitBytes = maxSizeMb * 1024 * 1024;
  let file: FileHandle | undefined;
  let sizeBytes = 0;
  let isTorn = false;

  const openFile = async (): Promise<FileHandle> => {
    mkdirSync(path.dirname(logFile), { recursive: true });
    const opened = await open(logFile, 'a', 0o600);
    sizeBytes = (await opened.stat()).size;
    return opened;
  };
  const setAside = async () => {
    await file?.close();
    file = undefined;
    let at = env.now();
    while (existsSync(backupName(logFile, at))) at++;
    await rename(logFile, backupName(logFile, at));
    await prune();
  };
  const prune = async () => {
    const folder = path.dirname(logFile);
    const doomed = doomedBackups(logFile, await readdir(folder), env.now(), { maxAgeDays, maxBackups });
    await Promise.all(doomed.map((name) => rm(path.join(folder, name), { force: true })));
  };

  return {
    async append(bytes) {
      file ??= await openFile();
      if (sizeBytes > 0 && sizeBytes + bytes.length > limitBytes) {
        await setAside();
        file = await openFile();
      }
      try {
        // After half a line the next must not be lost with it.
        if (isTorn) await file.appendFile('\n');
        await file.appendFile(bytes);
        sizeBytes += bytes.length;
        isTorn = false;
      } catch (error) {
        isTorn = true;
        await file.close().catch(() => undefined);
        file = undefined;
        throw error;
      }
    },
    async close() {
      await file?.close();
    },
  };
}

const standardOutput: Target = {
  append: (bytes) =>
    new Promise((resolve, reject) => {
      process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
    }),
  close: async () => {},
};
