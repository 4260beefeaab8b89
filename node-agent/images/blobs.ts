/** Bytes into the store, verified on their way. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { blobPath, ignoreMissing, sha256, writeWhole } from './store.ts';
import type { Folders } from './store.ts';

/** A blob being written. Nothing of it is seen before finish() has verified it. */
export interface BlobDraft {
  readonly writtenBytes: number;
  /** Of what has been written so far. */
  digest(): string;
  write(chunk: Buffer): Promise<void>;
  /** Starts again from nothing. */
  restart(): Promise<void>;
  /** Moves the blob into place and resolves to its digest; rejects, leaving nothing, when it is not the expected one. */
  finish(): Promise<string>;
  /** Removes what is there; harmless after finish(). */
  discard(): Promise<void>;
}

/** Starts a blob. `expected` undefined takes whatever digest it has. */
export async function draftBlob(folders: Folders, expected: string | undefined, uuid: string): Promise<BlobDraft> {
  const file = path.join(folders.tmp, uuid);
  const handle = await open(file, 'wx', 0o600);
  let hash = createHash('sha256');
  let writtenBytes = 0;
  let isOpen = true;
  const close = async () => {
    if (!isOpen) return;
    isOpen = false;
    await handle.close();
  };
  return {
    get writtenBytes() {
      return writtenBytes;
    },
    digest: () => `sha256:${hash.copy().digest('hex')}`,
    async write(chunk) {
      hash.update(chunk);
      for (let at = 0; at < chunk.length;) {
        const { bytesWritten } = await handle.write(chunk, at, chunk.length - at, writtenBytes);
        at += bytesWritten;
        writtenBytes += bytesWritten;
      }
    },
    async restart() {
      await handle.truncate(0);
      hash = createHash('sha256');
      writtenBytes = 0;
    },
    async finish() {
      const digest = `sha256:${hash.digest('hex')}`;
      if (expected !== undefined && digest !== expected) {
        await close();
        await rm(file, { force: true });
        throw new Error(`unexpected commit digest ${digest}, expected ${expected}: failed precondition`);
      }
      await handle.sync();
      await close();
      await rename(file, blobPath(folders, digest));
      return digest;
    },
    async discard() {
      await close();
      await rm(file, { force: true });
    },
  };
}

/** Whether the blob is here and what its digest says. Reads all of it. */
export async function isWhole(folders: Folders, digest: string): Promise<boolean> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(blobPath(folders, digest), { highWaterMark: 256 * 1024 }), hash);
  } catch (error) {
    return ignoreMissing(error) ?? false;
  }
  return `sha256:${hash.digest('hex')}` === digest;
}

/** Adds a small blob that is in memory. Resolves to its digest. */
export async function addBlob(folders: Folders, body: Buffer, uuid: string): Promise<string> {
  const digest = sha256(body);
  await writeWhole(folders, blobPath(folders, digest), body, uuid);
  return digest;
}

/** A small blob's bytes. Rejects when it is larger than `mostBytes`. */
export async function readBlob(folders: Folders, digest: string, mostBytes: number): Promise<Buffer> {
  const file = blobPath(folders, digest);
  const { size } = await stat(file);
  if (size > mostBytes) throw new Error(`${digest} is larger than ${mostBytes} bytes`);
  return readFile(file);
}
