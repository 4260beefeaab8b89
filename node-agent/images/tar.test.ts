import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { encodeHeader, endOfArchive, padding } from './tar-format.ts';
import type { TarHeader } from './tar-format.ts';
import { makeTarReader } from './tar-reader.ts';

interface Entry {
  header: TarHeader;
  data: Buffer;
}

const plain: TarHeader = {
  name: 'a',
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  sizeBytes: 0,
  mtimeSeconds: 0,
  linkName: '',
  xattrs: new Map(),
};

function write(entries: readonly Entry[]): Buffer {
  return Buffer.concat([
    ...entries.flatMap(({ header, data }) => [encodeHeader(header), data, padding(data.length)]),
    endOfArchive,
  ]);
}

function read(archive: Buffer, chunkBytes: number): Entry[] {
  const entries: Entry[] = [];
  const reader = makeTarReader({
    entry: (header) => entries.push({ header, data: Buffer.alloc(0) }),
    data: (chunk) => {
      const last = entries.at(-1)!;
      last.data = Buffer.concat([last.data, chunk]);
    },
    entryEnd() {},
  });
  for (let at = 0; at < archive.length; at += chunkBytes) reader.push(archive.subarray(at, at + chunkBytes));
  reader.end();
  return entries;
}

const bytes = (most: number) =>
  fc
    .uint8Array({ minLength: 1, maxLength: most })
    .map((all) => Buffer.from(all.map((byte) => byte || 1)).toString('latin1'));

const anyEntry: fc.Arbitrary<Entry> = fc
  .record({
    name: bytes(300).filter((name) => !name.endsWith('/')),
    data: fc.uint8Array({ maxLength: 1500 }).map((all) => Buffer.from(all)),
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.integer({ min: 0, max: 2 ** 32 - 2 }),
    gid: fc.integer({ min: 0, max: 2 ** 32 - 2 }),
    mtimeSeconds: fc.integer({ min: -1000, max: 2 ** 35 }),
    xattr: fc.option(fc.uint8Array({ maxLength: 60 }).map((all) => Buffer.from(all))),
  })
  .map(({ data, xattr, ...rest }) => ({
    header: {
      ...plain,
      ...rest,
      sizeBytes: data.length,
      xattrs: new Map(xattr ? [['security.capability', xattr] as const] : []),
    },
    data,
  }));

suite('tar', () => {
  test('makeTarReader() reads what encodeHeader() wrote, in chunks of any size', () => {
    fc.assert(
      fc.property(fc.array(anyEntry, { maxLength: 5 }), fc.integer({ min: 1, max: 2000 }), (entries, chunkBytes) => {
        assert.deepEqual(read(write(entries), chunkBytes), entries);
      }),
      { numRuns: 60 },
    );
  });

  test('encodeHeader() writes what GNU tar lists', () => {
    const long = `${'d'.repeat(120)}/${'f'.repeat(120)}`;
    const archive = write([
      { header: { ...plain, name: 'folder/', type: 'folder', mode: 0o1777 }, data: Buffer.alloc(0) },
      { header: { ...plain, name: long, sizeBytes: 3, uid: 3_000_000 }, data: Buffer.from('abc') },
      { header: { ...plain, name: 'link', type: 'symlink', linkName: long }, data: Buffer.alloc(0) },
      { header: { ...plain, name: 'gone', type: 'character' }, data: Buffer.alloc(0) },
    ]);
    const listed = execFileSync('tar', ['-tv', '--numeric-owner', '--utc', '-f', '-'], {
      input: archive,
      encoding: 'utf8',
    });
    assert.deepEqual(
      listed
        .trim()
        .split('\n')
        .map((line) => line.replaceAll(/\s+/g, ' ')),
      [
        'drwxrwxrwt 0/0 0 1970-01-01 00:00 folder/',
        `-rw-r--r-- 3000000/0 3 1970-01-01 00:00 ${long}`,
        `lrw-r--r-- 0/0 0 1970-01-01 00:00 link -> ${long}`,
        'crw-r--r-- 0/0 0,0 1970-01-01 00:00 gone',
      ],
    );
  });

  test('makeTarReader() refuses an archive that is cut short or spoiled', () => {
    const archive = write([{ header: { ...plain, sizeBytes: 600 }, data: Buffer.alloc(600, 1) }]);
    assert.throws(() => read(archive.subarray(0, 700), 512), /unexpected end/);
    assert.throws(() => read(archive.subarray(0, 100), 512), /unexpected end/);
    const spoiled = Buffer.from(archive);
    spoiled[0] = 0x62;
    assert.throws(() => read(spoiled, 512), /wrong checksum/);
  });
});
