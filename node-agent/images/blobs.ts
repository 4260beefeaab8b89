/** Bytes into the store, verified on their way. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Hash } from 'node:crypto';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
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
  /** Gives the blob up; harmless after finish(). */
  discard(): Promise<void>;
}

/** Starts a blob, of which nothing is left when it is given up. `expected` undefined takes whatever digest it has. */
export async function draftBlob(folders: Folders, expected: string | undefined, uuid: string): Promise<BlobDraft> {
  const file = path.join(folders.tmp, uuid);
  const handle = await open(file, 'wx', 0o600);
  const beginning = { file, handle, hash: createHash('sha256'), writtenBytes: 0 };
  return draftIn(beginning, folders, expected, {
    givenUp: () => rm(file, { force: true }),
    closed: () => Promise.resolve(),
  });
}

/** An open file that holds the beginning of a blob. */
export interface Beginning {
  file: string;
  handle: FileHandle;
  /** Of the bytes that it holds. */
  hash: Hash;
  writtenBytes: number;
}

/** What becomes of a draft at its end. */
export interface DraftEnd {
  /** It is given up, with so many bytes in its file. */
  givenUp(writtenBytes: number): Promise<void>;
  /** Its file is closed, for whatever reason: the last of all. */
  closed(): Promise<void>;
}

/** A blob that goes on from its beginning. */
export function draftIn(
  beginning: Beginning,
  folders: Folders,
  expected: string | undefined,
  end: DraftEnd,
): BlobDraft {
  const { file, handle } = beginning;
  let { hash, writtenBytes } = beginning;
  let isOpen = true;
  const close = async () => {
    isOpen = false;
    await handle.close().finally(() => end.closed());
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
        await rm(file, { force: true });
        await close();
        throw new Error(`unexpected commit digest ${digest}, expected ${expected}: failed precondition`);
      }
      await handle.sync();
      await rename(file, blobPath(folders, digest));
      await close();
      return digest;
    },
    async discard() {
      if (!isOpen) return;
      await end.givenUp(writtenBytes).finally(close);
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
