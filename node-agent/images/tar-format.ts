/**
 * The tar format as data: headers decoded from and encoded to 512-byte blocks. Names and link names are kept as latin1 strings, one
 * character per byte, so that names in any encoding survive the way through. Rules: POSIX.1-2017 pax, and GNU's long names.
 */

export const blockBytes = 512;

/** Headers that describe the next entry may not be longer than this. */
export const longestMetaBytes = 1024 * 1024;

export type TarType = 'file' | 'link' | 'symlink' | 'character' | 'block' | 'folder' | 'fifo';

export interface TarHeader {
  /** As in the archive: may start with `/` or `./`, folders may end with `/`. */
  name: string;
  type: TarType;
  /** Permission bits with setuid, setgid and sticky. */
  mode: number;
  uid: number;
  gid: number;
  /** 0 for all but files. */
  sizeBytes: number;
  mtimeSeconds: number;
  /** Of links and symlinks. */
  linkName: string;
  /** Extended attributes, full names. */
  xattrs: ReadonlyMap<string, Buffer>;
}

/** One header block before names and sizes from preceding entries are applied. */
export interface RawHeader extends Omit<TarHeader, 'type' | 'xattrs'> {
  flag: string;
}

/** A tar that we cannot or will not read. */
export class TarError extends Error {
  override readonly name = 'TarError';
}

const types: Readonly<Record<string, TarType>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'folder',
  '6': 'fifo',
};

const flags: Readonly<Record<TarType, string>> = {
  file: '0',
  link: '1',
  symlink: '2',
  character: '3',
  block: '4',
  folder: '5',
  fifo: '6',
};

/** The header in this block, or undefined for the block of zeros that ends an archive. Throws TarError when the checksum is wrong. */
export function decodeBlock(block: Buffer): RawHeader | undefined {
  const expected = number(block, 148, 8);
  let sum = 8 * 0x20;
  for (let at = 0; at < blockBytes; at++) if (at < 148 || at >= 156) sum += block[at]!;
  if (sum === 8 * 0x20 && expected === 0) return undefined;
  if (sum !== expected) throw new TarError('invalid tar header: wrong checksum');
  const name = text(block, 0, 100);
  const isPosix = block.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isPosix ? text(block, 345, 155) : '';
  return {
    name: prefix ? `${prefix}/${name}` : name,
    flag: block.toString('latin1', 156, 157),
    mode: number(block, 100, 8) & 0o7777,
    uid: number(block, 108, 8),
    gid: number(block, 116, 8),
    sizeBytes: number(block, 124, 12),
    mtimeSeconds: number(block, 136, 12),
    linkName: text(block, 157, 100),
  };
}

/** Applies the extension headers that came before. Throws TarError for types and sparse forms that we do not read. */
export function completeHeader(raw: RawHeader, pax: ReadonlyMap<string, string>): TarHeader {
  const { flag, ...header } = raw;
  const name = pax.get('path') ?? header.name;
  if ([...pax.keys()].some((key) => key.startsWith('GNU.sparse.')) || flag === 'S')
    throw new TarError(`entry ${quote(name)} is a sparse file, which layers may not hold`);
  const known = types[flag];
  if (known === undefined) throw new TarError(`entry ${quote(name)} has the unknown type ${quote(flag)}`);
  const type = known === 'file' && name.endsWith('/') ? 'folder' : known;
  const sizeBytes = type === 'file' ? paxNumber(pax, 'size', header.sizeBytes) : 0;
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw new TarError(`entry ${quote(name)} has no valid size`);
  return {
    ...header,
    name,
    type,
    sizeBytes,
    linkName: pax.get('linkpath') ?? header.linkName,
    uid: paxNumber(pax, 'uid', header.uid),
    gid: paxNumber(pax, 'gid', header.gid),
    mtimeSeconds: Math.floor(paxNumber(pax, 'mtime', header.mtimeSeconds)),
    xattrs: xattrsOf(pax),
  };
}

/** The records of a pax header: `length key=value\n` each, where length counts bytes. */
export function decodePax(body: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  const all = body.toString('latin1');
  for (let at = 0; at < all.length;) {
    const space = all.indexOf(' ', at);
    const length = Number(all.slice(at, space));
    const equals = all.indexOf('=', space);
    const end = at + length;
    if (space < 0 || !(length > 0) || equals < 0 || equals >= end || all[end - 1] !== '\n')
      throw new TarError('invalid pax header');
    records.set(all.slice(space + 1, equals), all.slice(equals + 1, end - 1));
    at = end;
  }
  return records;
}

/** The header's blocks: a pax header first when the plain one cannot say everything. Character and block devices get the number 0/0. */
export function encodeHeader(header: TarHeader): Buffer {
  const pax: [string, string][] = [];
  if (!fits(header.name, 100)) pax.push(['path', header.name]);
  if (!fits(header.linkName, 100)) pax.push(['linkpath', header.linkName]);
  if (header.sizeBytes >= 8 ** 11) pax.push(['size', String(header.sizeBytes)]);
  if (header.uid >= 8 ** 7) pax.push(['uid', String(header.uid)]);
  if (header.gid >= 8 ** 7) pax.push(['gid', String(header.gid)]);
  if (header.mtimeSeconds < 0 || header.mtimeSeconds >= 8 ** 11) pax.push(['mtime', String(header.mtimeSeconds)]);
  for (const [key, value] of header.xattrs) pax.push([`SCHILY.xattr.${key}`, value.toString('latin1')]);
  const block = encodeBlock(header, flags[header.type]);
  if (pax.length === 0) return block;
  const body = Buffer.from(pax.map(([key, value]) => paxRecord(key, value)).join(''), 'latin1');
  const extension = { ...header, name: 'pax', linkName: '', mode: 0o644, uid: 0, gid: 0, sizeBytes: body.length };
  return Buffer.concat([encodeBlock({ ...extension, mtimeSeconds: 0 }, 'x'), body, padding(body.length), block]);
}

/** The zeros that fill an entry's last block. */
export function padding(sizeBytes: number): Buffer {
  return Buffer.alloc((blockBytes - (sizeBytes % blockBytes)) % blockBytes);
}

/** The two blocks that end an archive. */
export const endOfArchive = Buffer.alloc(2 * blockBytes);

/** For messages: the bytes of a name, quoted. */
export function quote(name: string): string {
  return JSON.stringify(Buffer.from(name, 'latin1').toString('utf8'));
}

function encodeBlock(header: Omit<TarHeader, 'type' | 'xattrs'>, flag: string): Buffer {
  const block = Buffer.alloc(blockBytes);
  block.write(header.name.slice(0, 100), 0, 'latin1');
  octal(block, 100, 8, header.mode);
  octal(block, 108, 8, header.uid);
  octal(block, 116, 8, header.gid);
  octal(block, 124, 12, header.sizeBytes);
  octal(block, 136, 12, header.mtimeSeconds);
  block.write('        ', 148, 'latin1');
  block.write(flag, 156, 'latin1');
  block.write(header.linkName.slice(0, 100), 157, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  octal(block, 329, 8, 0);
  octal(block, 337, 8, 0);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function fits(name: string, length: number): boolean {
  return name.length <= length && /^[\x20-\x7e]*$/.test(name);
}

/** The length counts itself: adding its digits may add one more digit. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + String(rest.length).length;
  if (rest.length + String(length).length !== length) length = rest.length + String(length).length;
  return `${length}${rest}`;
}

function paxNumber(pax: ReadonlyMap<string, string>, key: string, otherwise: number): number {
  const value = pax.get(key);
  if (value === undefined) return otherwise;
  const parsed = Number(value);
  if (!Number.isFinite(parsed)) throw new TarError(`invalid pax header: ${key} is not a number`);
  return parsed;
}

function xattrsOf(pax: ReadonlyMap<string, string>): Map<string, Buffer> {
  const prefix = 'SCHILY.xattr.';
  const found = new Map<string, Buffer>();
  for (const [key, value] of pax)
    if (key.startsWith(prefix)) found.set(key.slice(prefix.length), Buffer.from(value, 'latin1'));
  return found;
}

function text(block: Buffer, at: number, length: number): string {
  const field = block.toString('latin1', at, at + length);
  const end = field.indexOf('\0');
  return end < 0 ? field : field.slice(0, end);
}

/** Octal digits, or a big-endian number of base 256 when the first bit is set. */
function number(block: Buffer, at: number, length: number): number {
  if (block[at]! & 0x80) {
    const negative = (block[at]! & 0x40) !== 0;
    let value = negative ? -1 : 0;
    for (let index = at; index < at + length; index++) {
      const byte = index === at && !negative ? block[index]! & 0x7f : block[index]!;
      value = value * 256 + byte;
    }
    return value;
  }
  const digits = text(block, at, length).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : 0;
}

function octal(block: Buffer, at: number, length: number, value: number): void {
  const largest = 8 ** (length - 1) - 1;
  const digits = Math.min(Math.max(0, value), largest).toString(8);
  block.write(digits.padStart(length - 1, '0'), at, 'latin1');
}
