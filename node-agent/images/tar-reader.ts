/** Reads a tar stream chunk by chunk, as it comes. */
import { blockBytes, completeHeader, decodeBlock, decodePax, longestMetaBytes, TarError } from './tar-format.ts';
import type { RawHeader, TarHeader } from './tar-format.ts';

export interface TarSink {
  /** An entry starts; its data begins `offset` bytes into the archive. */
  entry(header: TarHeader, offset: number): void;
  /** A piece of the current file's data. */
  data(chunk: Buffer): void;
  /** All data of the current entry has been given. */
  entryEnd(): void;
}

export interface TarReader {
  push(chunk: Buffer): void;
  /** Throws TarError when the archive stops in the middle of an entry. */
  end(): void;
}

/** Makes a reader that calls `sink` synchronously. Throws TarError out of push() when the archive is broken; what follows the end mark is ignored. */
export function makeTarReader(sink: TarSink): TarReader {
  let partial = Buffer.alloc(0);
  let offset = 0;
  let dataLeft = 0;
  let paddingLeft = 0;
  let meta: { flag: string; parts: Buffer[] } | undefined;
  let pax = new Map<string, string>();
  let isOver = false;
  let isInEntry = false;

  const start = (raw: RawHeader) => {
    if ('xgLK'.includes(raw.flag)) {
      if (raw.sizeBytes < 0 || raw.sizeBytes > longestMetaBytes)
        throw new TarError('invalid tar header: extension header too long');
      meta = { flag: raw.flag, parts: [] };
      dataLeft = raw.sizeBytes;
    } else {
      const header = completeHeader(raw, pax);
      pax = new Map();
      dataLeft = header.sizeBytes;
      isInEntry = true;
      sink.entry(header, offset);
    }
    paddingLeft = (blockBytes - (dataLeft % blockBytes)) % blockBytes;
    if (dataLeft === 0) finish();
  };

  const finish = () => {
    if (meta === undefined) {
      isInEntry = false;
      sink.entryEnd();
      return;
    }
    const body = Buffer.concat(meta.parts);
    const name = body.toString('latin1').replace(/\0.*$/s, '');
    if (meta.flag === 'x') for (const [key, value] of decodePax(body)) pax.set(key, value);
    // A pax record wins over GNU's long name, as it does in GNU tar.
    else if (meta.flag === 'L' && !pax.has('path')) pax.set('path', name);
    else if (meta.flag === 'K' && !pax.has('linkpath')) pax.set('linkpath', name);
    meta = undefined;
  };

  const take = (chunk: Buffer): number => {
    if (dataLeft > 0) {
      const part = chunk.subarray(0, dataLeft);
      offset += part.length;
      dataLeft -= part.length;
      if (meta) meta.parts.push(Buffer.from(part));
      else sink.data(part);
      if (dataLeft === 0) finish();
      return part.length;
    }
    if (paddingLeft > 0) {
      const skipped = Math.min(paddingLeft, chunk.length);
      offset += skipped;
      paddingLeft -= skipped;
      return skipped;
    }
    const part = chunk.subarray(0, blockBytes - partial.length);
    offset += part.length;
    const block = partial.length === 0 ? part : Buffer.concat([partial, part]);
    partial = block.length < blockBytes ? Buffer.from(block) : Buffer.alloc(0);
    if (block.length < blockBytes) return part.length;
    const raw = decodeBlock(block);
    if (raw) start(raw);
    else isOver = true;
    return part.length;
  };

  return {
    push(chunk) {
      for (let at = 0; at < chunk.length;) at += isOver ? chunk.length : take(chunk.subarray(at));
    },
    end() {
      if (isOver) return;
      if (isInEntry || meta || paddingLeft > 0 || partial.length > 0)
        throw new TarError('unexpected end of the archive');
    },
  };
}
