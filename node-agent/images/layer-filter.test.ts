import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import zlib from 'node:zlib';
import { makeSmallDisk } from '../../test/harness/small-disk.ts';
import { extractLayer } from './extract.ts';
import { makeLayerFilter } from './layer-filter.ts';
import { sha256 } from './store.ts';
import { encodeHeader, endOfArchive, padding } from './tar-format.ts';
import type { TarHeader } from './tar-format.ts';

/** One entry of a crafted layer: a name and what differs from an empty file; `data` for its content. */
type Crafted = Partial<TarHeader> & { name: string; data?: string };

const signal = new AbortController().signal;

function layerOf(entries: readonly Crafted[]): Buffer {
  return Buffer.concat([
    ...entries.flatMap(({ data = '', ...header }) => [
      encodeHeader({
        type: 'file',
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtimeSeconds: 0,
        linkName: '',
        xattrs: new Map(),
        ...header,
        sizeBytes: data.length,
      }),
      Buffer.from(data),
      padding(data.length),
    ]),
    endOfArchive,
  ]);
}

const folder = (name: string): Crafted => ({ name, type: 'folder', mode: 0o755 });
const symlink = (name: string, linkName: string): Crafted => ({ name, type: 'symlink', linkName });
const link = (name: string, linkName: string): Crafted => ({ name, type: 'link', linkName });

suite('layer-filter', () => {
  let root: string;
  let target: string;

  setup(() => {
    root = mkdtempSync(path.join(os.tmpdir(), 'wherry-layer-'));
    target = path.join(root, 'layer');
    mkdirSync(target);
    writeFileSync(path.join(root, 'outside'), 'untouched');
  });
  teardown(() => {
    assert.equal(readFileSync(path.join(root, 'outside'), 'utf8'), 'untouched');
    assert.deepEqual(
      execFileSync('ls', ['-A', root], { encoding: 'utf8' })
        .trim()
        .split('\n')
        .filter((name) => name !== 'blob'),
      ['layer', 'outside'],
    );
    rmSync(root, { recursive: true, force: true });
  });

  const extract = async (blob: Buffer) => {
    writeFileSync(path.join(root, 'blob'), blob);
    return extractLayer(path.join(root, 'blob'), target, signal);
  };
  const inside = (name: string) => path.join(target, name);
  const text = (name: string) => readFileSync(inside(name), 'utf8');
  const refuses = (entries: readonly Crafted[], because: RegExp) => assert.rejects(extract(layerOf(entries)), because);

  for (const [form, pack] of [
    ['plain', (all: Buffer) => all],
    ['gzip', (all: Buffer) => zlib.gzipSync(all)],
    ['zstd', (all: Buffer) => zlib.zstdCompressSync(all)],
    ['gzip, in several members,', (all: Buffer) => Buffer.concat(halves(all).map((part) => zlib.gzipSync(part)))],
    [
      'zstd, in several frames,',
      (all: Buffer) => Buffer.concat(halves(all).map((part) => zlib.zstdCompressSync(part))),
    ],
  ] as const)
    test(`extractLayer() reads ${form} layers and tells their diff id`, async () => {
      const layer = layerOf([folder('etc'), { name: 'etc/motd', data: 'ahoy', mode: 0o4755, uid: 7, gid: 8 }]);
      const { diffId, isOpaque } = await extract(pack(layer));
      assert.equal(diffId, sha256(layer));
      assert.equal(isOpaque, false);
      assert.equal(text('etc/motd'), 'ahoy');
      const { mode, uid, gid, mtimeMs } = lstatSync(inside('etc/motd'));
      assert.deepEqual([mode & 0o7777, uid, gid, mtimeMs], [0o4755, 7, 8, 0]);
    });

  test('extractLayer() turns whiteouts into character devices 0/0', async () => {
    await extract(
      layerOf([folder('etc'), { name: 'etc/.wh.motd' }, { name: 'sub/.wh.gone' }, { name: '.wh..wh.plnk' }]),
    );
    for (const name of ['etc/motd', 'sub/gone']) {
      assert.ok(lstatSync(inside(name)).isCharacterDevice());
      assert.equal(lstatSync(inside(name)).rdev, 0);
    }
    assert.ok(!existsSync(inside('.wh..wh.plnk')));
  });

  test('extractLayer() marks opaque folders as overlayfs wants it, whichever comes first', async () => {
    await extract(
      layerOf([
        { name: 'one/.wh..wh..opq' },
        { ...folder('one'), mode: 0o700 },
        { name: 'one/kept', data: 'x' },
        folder('two'),
        { name: '.wh.two' },
      ]),
    );
    assert.equal(lstatSync(inside('one')).mode & 0o777, 0o700);
    assert.equal(text('one/kept'), 'x');
    const merged = overlay(root, [target], { 'one/hidden': 'below', 'two/hidden': 'below', 'three/shown': 'below' });
    assert.deepEqual(merged, ['one/kept', 'three/shown']);
  });

  test('makeLayerFilter() tells of a layer that hides all below it', async () => {
    assert.equal((await extract(layerOf([{ name: '.wh..wh..opq' }, { name: 'only', data: 'x' }]))).isOpaque, true);
  });

  test('a file beside its own whiteout stays', async () => {
    await extract(
      layerOf([{ name: 'a', data: 'new' }, { name: '.wh.a' }, { name: '.wh.b' }, { name: 'b', data: 'new' }]),
    );
    assert.equal(text('a') + text('b'), 'newnew');
  });

  for (const name of ['../outside', 'a/../../outside', '..', 'a/..', '/../outside', './../outside'])
    test(`an entry called ${name} is refused`, () => refuses([{ name, data: 'bad' }], /leaves the layer/));

  test('absolute names are of the layer', async () => {
    await extract(
      layerOf([
        { name: '/etc/motd', data: 'x' },
        { name: '//b', data: 'y' },
      ]),
    );
    assert.equal(text('etc/motd') + text('b'), 'xy');
  });

  test('writing through a symlink stays in the layer, as in a chroot', async () => {
    await extract(
      layerOf([
        symlink('up', '../..'),
        { name: 'up/outside', data: 'bad' },
        symlink('absolute', root),
        { name: 'absolute/outside', data: 'bad' },
        folder('usr/lib'),
        symlink('lib', 'usr/lib'),
        { name: 'lib/thing', data: 'good' },
      ]),
    );
    assert.equal(text('outside'), 'bad');
    assert.equal(readFileSync(path.join(target, root, 'outside'), 'utf8'), 'bad');
    assert.equal(text('usr/lib/thing'), 'good');
    assert.equal(readlinkSync(inside('up')), '../..');
    assert.equal(readlinkSync(inside('absolute')), root);
  });

  test('nothing takes the place of a symlink, but saying it twice is allowed', async () => {
    await extract(layerOf([symlink('same', '../x'), symlink('same', '../x')]));
    assert.equal(readlinkSync(inside('same')), '../x');
    await refuses([symlink('a', '../outside'), { name: 'a', data: 'bad' }], /replaces something else/);
    await refuses([symlink('b', '..'), folder('b')], /replaces something else/);
    await refuses([symlink('c', 'x'), symlink('c', '../outside'), { name: 'c' }], /replaces something else/);
    await refuses([symlink('d', '..'), { name: 'e' }, link('d', 'e')], /replaces something else/);
  });

  test('files and folders may come twice, the last wins', async () => {
    await extract(
      layerOf([{ name: 'a', data: 'old' }, { name: 'a', data: 'new' }, folder('d'), { ...folder('d'), mode: 0o700 }]),
    );
    assert.equal(text('a'), 'new');
    assert.equal(lstatSync(inside('d')).mode & 0o777, 0o700);
  });

  test('symlinks in a circle are refused', () =>
    refuses([symlink('a', 'b'), symlink('b', 'a'), { name: 'a/x' }], /too many symlinks/));

  test('hard links join files of the layer only', async () => {
    await extract(layerOf([{ name: 'a', data: 'x' }, link('b', './a'), link('c', '/b')]));
    assert.equal(lstatSync(inside('a')).nlink, 3);
  });

  for (const [what, entries] of [
    ['outside', [link('a', '../outside')]],
    ['an absolute path', [link('a', '/etc/passwd')]],
    ['a path behind a symlink', [symlink('up', '..'), link('a', 'up/outside')]],
    ['a folder', [folder('d'), link('a', 'd')]],
  ] as const)
    test(`a hard link to ${what} is refused`, () => refuses(entries, /leaves the layer|no file of this layer/));

  test('a hard link to a symlink is that symlink, also for what comes through it', async () => {
    await extract(layerOf([symlink('up', '..'), link('a', 'up'), { name: 'a/outside', data: 'bad' }]));
    assert.equal(text('outside'), 'bad');
  });

  for (const name of ['.wh...', '.wh..', '.wh.', 'a/.wh...'])
    test(`the whiteout ${name} is refused`, () => refuses([{ name }], /not a valid whiteout/));

  test('a whiteout behind a symlink hides a name in the layer', async () => {
    await extract(layerOf([symlink('up', '..'), { name: 'up/.wh.outside' }]));
    assert.ok(lstatSync(inside('outside')).isCharacterDevice());
  });

  test('devices are left out, and names that look like one do not become whiteouts', async () => {
    await extract(layerOf([{ name: 'dev/sda', type: 'block' }, { name: 'null', type: 'character' }, { name: 'x' }]));
    assert.ok(!existsSync(inside('dev/sda')));
    assert.ok(!existsSync(inside('null')));
    assert.ok(existsSync(inside('x')));
  });

  test('attributes that overlayfs would obey are dropped, capabilities stay', async () => {
    const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
    const redirect = Buffer.from('/secret');
    await extract(
      layerOf([
        { name: 'ping', data: 'x', xattrs: new Map([['security.capability', capability]]) },
        {
          ...folder('d'),
          xattrs: new Map([
            ['trusted.overlay.redirect', redirect],
            ['user.overlay.opaque', redirect],
          ]),
        },
      ]),
    );
    const packed = execFileSync('tar', ['-c', '--xattrs', '--xattrs-include=*', '-C', target, '.'], {
      encoding: 'latin1',
    });
    const names = [...packed.matchAll(/SCHILY\.xattr\.([\w.]+)/g)].map(([, name]) => name);
    assert.deepEqual(names, ['security.capability']);
    assert.ok(packed.includes(capability.toString('latin1')));
  });

  test('a sparse file under a name of its own choice is refused', () => {
    const body = '22 GNU.sparse.major=1\n21 GNU.sparse.minor=0\n'.replace('21', '22');
    const crafted = Buffer.concat([
      encodeHeader({ ...header('pax', 'file'), sizeBytes: body.length }),
      Buffer.from(body),
      padding(body.length),
    ]);
    asPax(crafted);
    return assert.rejects(
      extract(Buffer.concat([crafted, layerOf([{ name: 'GNUSparseFile.0/x', data: 'x' }])])),
      /sparse/,
    );
  });

  test('a folder cannot become a file, nor an entry lie under a file', async () => {
    await refuses([folder('a'), { name: 'a' }], /replaces something else/);
    await refuses([{ name: 'a2' }, folder('a2')], /replaces something else/);
    await refuses([{ name: 'b' }, { name: 'b/c' }], /not a folder/);
    await refuses([symlink('./', '/')], /replaces the layer's root/);
  });

  test('limits hold', () => {
    const filter = makeLayerFilter({ entries: 2, sizeBytes: 10, nameBytes: 1000 });
    assert.throws(() => filter.push(layerOf([{ name: 'a' }, { name: 'b' }, { name: 'c' }])), /more than 2 entries/);
    const other = makeLayerFilter({ entries: 9, sizeBytes: 10, nameBytes: 1000 });
    assert.throws(() => other.push(layerOf([{ name: 'a', data: 'x'.repeat(11) }])), /more than 10 bytes/);
  });

  test('folders that a long name implies count as entries', () => {
    const filter = makeLayerFilter({ entries: 100, sizeBytes: 10, nameBytes: 1_000_000 });
    assert.throws(() => filter.push(layerOf([{ name: 'a/'.repeat(200) + 'b' }])), /more than 100 entries/);
  });

  test('names, targets and attributes are kept in memory only up to a limit', () => {
    const limits = { entries: 1000, sizeBytes: 10, nameBytes: 2000 };
    const long = 'x'.repeat(250);
    const names = Array.from({ length: 9 }, (_, index) => ({ name: `${index}${long}` }));
    assert.throws(() => makeLayerFilter(limits).push(layerOf(names)), /more than 2000 bytes of names/);
    const links = Array.from({ length: 9 }, (_, index) => symlink(String(index), long));
    assert.throws(() => makeLayerFilter(limits).push(layerOf(links)), /more than 2000 bytes of names/);
    const xattrs = new Map([['user.big', Buffer.alloc(3000, 'x')]]);
    assert.throws(() => makeLayerFilter(limits).push(layerOf([{ ...folder('d'), xattrs }])), /bytes of names/);
  });

  for (const [what, name] of [
    ['a part', 'x'.repeat(256)],
    ['the whole', 'x/'.repeat(2100) + 'y'],
  ] as const)
    test(`a name that is too long in ${what} is refused`, () =>
      refuses([{ name }], /has no valid name|too long a name/));

  test('a symlink with a target that is too long is refused', () =>
    refuses([symlink('a', 'x'.repeat(4096))], /no valid target/));

  test('a small blob that unpacks to more than the limits is refused, long before it is unpacked', async () => {
    const bytes = 400 * 1024 * 1024;
    const limits = { entries: 10, sizeBytes: 10 * 1024 * 1024, nameBytes: 1000 };
    const head = encodeHeader({ ...header('zeros', 'file'), sizeBytes: bytes });
    const bomb = zlib.zstdCompressSync(Buffer.concat([head, Buffer.alloc(bytes), endOfArchive]));
    assert.ok(bomb.length < 1024 * 1024);
    writeFileSync(path.join(root, 'blob'), bomb);
    await assert.rejects(
      extractLayer(path.join(root, 'blob'), target, signal, limits),
      /holds more than 10485760 bytes/,
    );
    assert.ok(!existsSync(inside('zeros')));
  });

  test('a layer larger than its disk allows is refused before the disk is full', async function () {
    this.timeout(60_000);
    const disk = await makeSmallDisk(16 * 1024 * 1024);
    try {
      const large = layerOf([{ name: 'large', data: 'x'.repeat(20_000_000) }]);
      writeFileSync(path.join(root, 'blob'), zlib.gzipSync(large));
      await assert.rejects(extractLayer(path.join(root, 'blob'), disk.folder, signal), /holds more than \d+ bytes/);
      const { bavail, blocks } = statfsSync(disk.folder);
      assert.ok(bavail > blocks / 2);
    } finally {
      await disk.remove();
    }
  });

  test('an old GNU sparse entry is refused', async () => {
    const crafted = encodeHeader(header('sparse', 'file'));
    asFlag(crafted, 'S');
    await assert.rejects(extract(Buffer.concat([crafted, endOfArchive])), /sparse/);
  });

  for (const [key, value, because] of [
    ['path', '../../outside', /leaves the layer/],
    ['linkpath', '../../outside', /leaves the layer|no file of this layer/],
    ['size', '-1', /no valid size/],
    ['size', '1e400', /not a number|no valid size/],
    ['size', '9007199254740993', /no valid size|more than/],
    ['uid', 'root', /not a number/],
    ['GNU.sparse.name', 'etc/passwd', /sparse/],
  ] as const)
    test(`a pax record that says ${key}=${value} is judged like a plain header`, async () => {
      const type = key === 'linkpath' ? 'link' : 'file';
      const crafted = Buffer.concat([paxOf([[key, value]]), encodeHeader(header('harmless', type)), endOfArchive]);
      await assert.rejects(extract(crafted), because);
    });

  test('a pax record with a lying length, or one without end, is refused', async () => {
    for (const body of ['99 path=a\n', '0 path=a\n', 'path=a\n', '9 path=a'])
      await assert.rejects(extract(Buffer.concat([rawPax(body), endOfArchive])), /invalid pax header/);
    const huge = encodeHeader({ ...header('pax', 'file'), sizeBytes: 2 * 1024 * 1024 });
    asFlag(huge, 'x');
    await assert.rejects(extract(Buffer.concat([huge, endOfArchive])), /extension header too long/);
  });

  test('global pax headers change nothing of what follows', async () => {
    const crafted = paxOf([['path', '../outside']]);
    asFlag(crafted, 'g');
    await extract(Buffer.concat([crafted, layerOf([{ name: 'a', data: 'x' }])]));
    assert.equal(text('a'), 'x');
  });

  test('whiteouts and opaque marks through symlinks stay in the layer', async () => {
    const entries = [
      { name: '.wh.a' },
      symlink('a', '../..'),
      { name: 'a/outside', data: 'x' },
      { name: 'a/.wh..wh..opq' },
    ];
    assert.equal((await extract(layerOf(entries))).isOpaque, true);
    assert.equal(text('outside'), 'x');
    assert.equal(readlinkSync(inside('a')), '../..');
  });

  test('a folder called like a whiteout hides nothing', async () => {
    await extract(layerOf([{ name: '.wh.d/x', data: 'x' }]));
    assert.equal(text('.wh.d/x'), 'x');
    assert.ok(!existsSync(inside('d')));
  });

  test('extractLayer() rejects what is no layer, or only half of one', async () => {
    const layer = layerOf([{ name: 'a', data: 'x'.repeat(5000) }]);
    await assert.rejects(extract(Buffer.from('hello')), /unexpected end/);
    await assert.rejects(extract(layer.subarray(0, 2000)), /unexpected end/);
    await assert.rejects(extract(zlib.gzipSync(layer).subarray(0, 60)), /unexpected end of file/);
  });
});

function halves(all: Buffer): Buffer[] {
  return [all.subarray(0, all.length / 2), all.subarray(all.length / 2)];
}

function header(name: string, type: TarHeader['type']): TarHeader {
  return { name, type, mode: 0, uid: 0, gid: 0, sizeBytes: 0, mtimeSeconds: 0, linkName: '', xattrs: new Map() };
}

/** A pax header with these records. */
function paxOf(records: readonly (readonly [string, string])[]): Buffer {
  return rawPax(
    records
      .map(([key, value]) => {
        const rest = ` ${key}=${value}\n`;
        const length = [1, 2, 3]
          .map((digits) => rest.length + digits)
          .find((all) => String(all).length + rest.length === all);
        return `${length}${rest}`;
      })
      .join(''),
  );
}

function rawPax(body: string): Buffer {
  const block = encodeHeader({ ...header('pax', 'file'), sizeBytes: body.length });
  asFlag(block, 'x');
  return Buffer.concat([block, Buffer.from(body), padding(body.length)]);
}

/** Makes the first block's entry a pax header, with the right checksum. */
function asPax(block: Buffer): void {
  asFlag(block, 'x');
}

/** Gives the first block another type, with the right checksum. */
function asFlag(block: Buffer, flag: string): void {
  block.write(flag, 156, 'latin1');
  block.write('        ', 148, 'latin1');
  const sum = block.subarray(0, 512).reduce((all, byte) => all + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}

/** Lists the files that the kernel shows with `layers` above a folder with these files. */
function overlay(root: string, layers: readonly string[], base: Record<string, string>): string[] {
  const work = mkdtempSync(path.join(os.tmpdir(), 'wherry-overlay-'));
  try {
    for (const [name, content] of Object.entries(base)) {
      mkdirSync(path.dirname(path.join(work, 'base', name)), { recursive: true });
      writeFileSync(path.join(work, 'base', name), content);
    }
    mkdirSync(path.join(work, 'merged'));
    const lower = [...layers, path.join(work, 'base')].join(':');
    // In a mount namespace of its own, which takes the mount with it.
    const script = `mount -t overlay overlay -o lowerdir=${lower} ${work}/merged && cd ${work}/merged && find . -type f`;
    const found = execFileSync('unshare', ['--mount', 'sh', '-c', script], { encoding: 'utf8', cwd: root });
    return found
      .trim()
      .split('\n')
      .map((line) => line.slice(2))
      .sort();
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
