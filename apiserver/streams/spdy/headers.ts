/** Header blocks: names and values, compressed with one zlib stream per direction of the connection. */
import { constants, createInflate } from 'node:zlib';
import { dictionary, dictionaryId } from './dictionary.ts';
import { SpdyError } from './frames.ts';

export type Headers = ReadonlyMap<string, string>;

const longestBlock = 64 * 1024;

export interface HeaderReader {
  /** Blocks must be read one after the other. Rejects with SpdyError. */
  read(block: Buffer): Promise<Headers>;
  close(): void;
}

export function makeHeaderReader(): HeaderReader {
  const inflate = createInflate({ dictionary, finishFlush: constants.Z_SYNC_FLUSH });
  let parts: Buffer[] = [];
  let length = 0;
  let failure: SpdyError | undefined;
  let refuse = (_error: SpdyError) => {};
  const fail = (because: string, cause?: unknown) => {
    failure ??= new SpdyError(`cannot read headers: ${because}`, { cause });
    refuse(failure);
    inflate.destroy();
  };
  inflate.on('data', (part: Buffer) => {
    length += part.length;
    // A small block may unfold to a very large one.
    if (length > longestBlock) fail('the block is too long');
    else parts.push(part);
  });
  inflate.on('error', (error) => fail(error.message, error));
  return {
    read: (block) =>
      new Promise((resolve, reject) => {
        if (failure) return reject(failure);
        refuse = reject;
        parts = [];
        length = 0;
        inflate.write(block, (error) => {
          if (error) return fail(error.message, error);
          try {
            resolve(parse(Buffer.concat(parts)));
          } catch (error) {
            fail(error instanceof SpdyError ? error.message : 'the block is cut short', error);
          }
        });
      }),
    close: () => fail('the connection is closed'),
  };
}

/** An empty stored block, with which zlib flushes: Go's reader looks for more when a header block ends without it, and fails. */
const flushed = Buffer.from([0, 0, 0, 0xff, 0xff]);

/** Writes header blocks as deflate's stored blocks: ours are short and few, compressing them would win nothing. */
export function makeHeaderWriter(): (headers: Headers) => Buffer {
  let isFirst = true;
  return (headers) => {
    const plain = render(headers);
    const stored = Buffer.alloc(5);
    stored.writeUInt16LE(plain.length, 1);
    stored.writeUInt16LE(~plain.length & 0xffff, 3);
    if (!isFirst) return Buffer.concat([stored, plain, flushed]);
    isFirst = false;
    // zlib's header with a preset dictionary, and which one.
    const start = Buffer.from([0x78, 0xbb, 0, 0, 0, 0]);
    start.writeUInt32BE(dictionaryId, 2);
    return Buffer.concat([start, stored, plain, flushed]);
  };
}

function parse(block: Buffer): Headers {
  const headers = new Map<string, string>();
  let at = 0;
  const take = () => {
    const length = block.readUInt32BE(at);
    if (length > block.length - at - 4) throw new SpdyError('a header is longer than its block');
    at += 4 + length;
    return block.toString('latin1', at - length, at);
  };
  const count = block.readUInt32BE(at);
  at += 4;
  for (let index = 0; index < count; index++) {
    const name = take().toLowerCase();
    headers.set(name, take());
  }
  return headers;
}

function render(headers: Headers): Buffer {
  const text = (value: string) => {
    const bytes = Buffer.from(value, 'latin1');
    return [word(bytes.length), bytes];
  };
  return Buffer.concat([
    word(headers.size),
    ...[...headers].flatMap(([name, value]) => [...text(name), ...text(value)]),
  ]);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
