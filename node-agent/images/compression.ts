/** Layers and archives come plain, gzipped or as zstd; the first bytes tell, media types sometimes lie. */
import { createGunzip, createZstdDecompress } from 'node:zlib';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';

/** The decompressed bytes. Errors of the source reach the reader. */
export async function* decompressed(source: Readable): AsyncGenerator<Buffer> {
  const chunks = source.iterator({ destroyOnReturn: true }) as AsyncIterableIterator<Buffer>;
  let head = Buffer.alloc(0);
  while (head.length < 4) {
    const next = await chunks.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  const decoder = decoderFor(head);
  if (!decoder) {
    if (head.length > 0) yield head;
    yield* chunks;
    return;
  }
  // The callback only marks errors as handled: they come out of the loop below.
  pipeline(joined(head, chunks), decoder, () => {});
  yield* decoder as AsyncIterable<Buffer>;
}

function decoderFor(head: Buffer): ReturnType<typeof createGunzip | typeof createZstdDecompress> | undefined {
  if (head[0] === 0x1f && head[1] === 0x8b) return createGunzip({ chunkSize: 256 * 1024 });
  if (head.length >= 4 && head.readUInt32LE(0) === 0xfd2fb528) return createZstdDecompress({ chunkSize: 256 * 1024 });
  return undefined;
}

async function* joined(head: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  yield* rest;
}
