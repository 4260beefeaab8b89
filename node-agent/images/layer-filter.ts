/**
 * Rewrites a layer's tar into one that is safe to extract and has overlayfs's form of deletions. Every header is made anew from what we
 * understood of it, so nothing that we did not judge reaches `tar`:
 *
 * - names lose `/` and `.`, and may not hold `..`; a parent that is a symlink of this layer is followed inside the layer, as in a chroot;
 * - a hard link may only point at a file of this layer; devices are left out (the runtime makes /dev);
 * - of extended attributes `security.capability` and `user.*` stay, never `trusted.overlay.*`, which could point into other layers;
 * - `.wh.name` becomes a character device 0/0, `.wh..wh..opq` the attribute `trusted.overlay.opaque=y` on its folder.
 *
 * Rules of the input: OCI image-spec `layer.md`; of the output: the kernel's `filesystems/overlayfs.rst`.
 */
import { encodeHeader, endOfArchive, padding, quote, TarError } from './tar-format.ts';
import type { TarHeader } from './tar-format.ts';
import { makeTarReader } from './tar-reader.ts';

export interface LayerFilter {
  /** What to hand on for this chunk. Throws TarError when the layer must be refused. */
  push(chunk: Buffer): Buffer[];
  /** The last part: whiteouts, opaque folders and the end mark. */
  end(): Buffer[];
  /** Known after end(): the layer hides everything below it. */
  isOpaque(): boolean;
}

export interface LayerLimits {
  /** Folders that entries lie in count too. */
  entries: number;
  sizeBytes: number;
  /** Of what is kept in memory: names, targets and attributes. */
  nameBytes: number;
}

/** More than any image in use has; a bound for what one layer may cost us. */
export const layerLimits: LayerLimits = {
  entries: 2_000_000,
  sizeBytes: 64 * 1024 ** 3,
  nameBytes: 256 * 1024 ** 2,
};

const longestPath = 4095;
const mostFollowed = 40;
const whiteout = '.wh.';

type Known = { is: 'folder'; header: TarHeader } | { is: 'symlink'; target: string } | { is: 'other' };

export function makeLayerFilter(limits: LayerLimits = layerLimits): LayerFilter {
  const known = new Map<string, Known>();
  const whiteouts = new Set<string>();
  const opaques = new Set<string>();
  let out: Buffer[] = [];
  let fileBytes: number | undefined;
  let entries = 0;
  let totalBytes = 0;
  let nameBytes = 0;

  const emit = (header: TarHeader) => out.push(encodeHeader(header));

  const count = ({ name, linkName, xattrs }: TarHeader) => {
    if (++entries > limits.entries) throw new TarError(`the layer has more than ${limits.entries} entries`);
    nameBytes += name.length + linkName.length;
    for (const [key, value] of xattrs) nameBytes += key.length + value.length;
    if (nameBytes > limits.nameBytes) throw new TarError(`the layer has more than ${limits.nameBytes} bytes of names`);
  };

  /** The real path of a folder, made if it is not there yet. */
  const folderAt = (parts: readonly string[], of: string): string => {
    let left = [...parts];
    let followed = 0;
    let path: string[] = [];
    for (let part = left.shift(); part !== undefined; part = left.shift()) {
      if (part === '..') {
        path.pop();
        continue;
      }
      const at = [...path, part].join('/');
      const found = known.get(at);
      if (found?.is === 'symlink') {
        if (++followed > mostFollowed) throw new TarError(`entry ${quote(of)} is behind too many symlinks`);
        if (found.target.startsWith('/')) path = [];
        left = [...found.target.split('/').filter((name) => name !== '' && name !== '.'), ...left];
        continue;
      }
      if (found?.is === 'other') throw new TarError(`entry ${quote(of)} is under ${quote(at)}, which is not a folder`);
      if (!found) {
        const made = plainFolder(at);
        count(made);
        addFolder(at, made);
      }
      path.push(part);
    }
    return path.join('/');
  };

  const addFolder = (path: string, header: TarHeader) => {
    known.set(path, { is: 'folder', header });
    emit({ ...header, name: path === '' ? './' : `${path}/` });
  };

  /** Where an entry with this name belongs: its parent's real path, and its own name. */
  const place = (name: string): { path: string; parent: string; last: string } => {
    const parts = partsOf(name);
    const last = parts.pop();
    if (last === undefined) return { path: '', parent: '', last: '' };
    const parent = folderAt(parts, name);
    const path = parent === '' ? last : `${parent}/${last}`;
    if (path.length > longestPath) throw new TarError(`entry ${quote(name.slice(0, 64))}... has too long a name`);
    return { path, parent, last };
  };

  const hide = (parent: string, last: string, name: string) => {
    if (last === '.wh..wh..opq') return void opaques.add(parent);
    // What else starts like this is the bookkeeping of a file system of old.
    if (last.startsWith('.wh..wh.')) return;
    const hidden = last.slice(whiteout.length);
    if (hidden === '' || hidden === '.' || hidden === '..')
      throw new TarError(`entry ${quote(name)} is not a valid whiteout`);
    whiteouts.add(parent === '' ? hidden : `${parent}/${hidden}`);
  };

  const addLink = (path: string, header: TarHeader) => {
    const target = place(header.linkName);
    const found = known.get(target.path);
    if (!found || found.is === 'folder')
      throw new TarError(
        `hard link ${quote(header.name)} points to ${quote(header.linkName)}, which is no file of this layer`,
      );
    if (target.path === path) return;
    known.set(path, found);
    emit({ ...header, name: path, linkName: target.path, xattrs: new Map() });
  };

  const add = (header: TarHeader) => {
    fileBytes = undefined;
    count(header);
    totalBytes += header.sizeBytes;
    if (totalBytes > limits.sizeBytes) throw new TarError(`the layer holds more than ${limits.sizeBytes} bytes`);
    const { path, parent, last } = place(header.name);
    if (last.startsWith(whiteout)) return hide(parent, last, header.name);
    // Devices are skipped.
    if (header.type === 'character' || header.type === 'block') return;
    if (!mayReplace(known.get(path), header))
      throw new TarError(`entry ${quote(header.name)} replaces something else of the same layer`);
    const kept = { ...header, name: path, xattrs: keptXattrs(header.xattrs) };
    if (header.type === 'folder') return addFolder(path, kept);
    if (path === '') throw new TarError(`entry ${quote(header.name)} replaces the layer's root`);
    switch (header.type) {
      case 'file':
        known.set(path, { is: 'other' });
        fileBytes = header.sizeBytes;
        return void emit(kept);
      case 'symlink':
        if (header.linkName === '' || header.linkName.length > longestPath)
          throw new TarError(`symlink ${quote(header.name)} has no valid target`);
        if (known.has(path)) return;
        known.set(path, { is: 'symlink', target: header.linkName });
        return void emit({ ...kept, xattrs: new Map() });
      case 'link':
        return addLink(path, kept);
      default:
        known.set(path, { is: 'other' });
        return void emit(kept);
    }
  };

  const reader = makeTarReader({
    entry: add,
    data(chunk) {
      if (fileBytes !== undefined) out.push(chunk);
    },
    entryEnd() {
      if (fileBytes !== undefined && fileBytes % 512 !== 0) out.push(padding(fileBytes));
    },
  });

  const flush = () => {
    const ready = out;
    out = [];
    return ready;
  };

  return {
    push(chunk) {
      reader.push(chunk);
      return flush();
    },
    end() {
      reader.end();
      // Only now is it known whether a hidden name also is an entry of this layer, which then stays, without what was below.
      for (const path of whiteouts) {
        const found = known.get(path);
        if (found?.is === 'folder') opaques.add(path);
        if (!found) emit({ ...plainFolder(path), type: 'character', mode: 0 });
      }
      for (const path of opaques) {
        const found = known.get(path);
        if (path === '' || found?.is !== 'folder') continue;
        const xattrs = new Map([...found.header.xattrs, ['trusted.overlay.opaque', Buffer.from('y')] as const]);
        emit({ ...found.header, name: `${path}/`, xattrs });
      }
      out.push(endOfArchive);
      return flush();
    },
    isOpaque: () => opaques.has(''),
  };
}

/**
 * A second entry of the same name may renew a file or a folder. A symlink stays what it is: `tar` puts symlinks in place at its end, and what
 * would have become of their names meanwhile is nothing to rely on.
 */
function mayReplace(found: Known | undefined, { type, linkName }: TarHeader): boolean {
  if (!found) return true;
  if (found.is === 'symlink') return type === 'symlink' && linkName === found.target;
  return (found.is === 'folder') === (type === 'folder');
}

function partsOf(name: string): string[] {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new TarError(`entry ${quote(name)} leaves the layer`);
  if (parts.some((part) => part.length > 255 || part.includes('\0')))
    throw new TarError(`entry ${quote(name.slice(0, 64))}... has no valid name`);
  return parts;
}

function plainFolder(name: string): TarHeader {
  return {
    name,
    type: 'folder',
    mode: 0o755,
    uid: 0,
    gid: 0,
    sizeBytes: 0,
    mtimeSeconds: 0,
    linkName: '',
    xattrs: new Map(),
  };
}

function keptXattrs(all: ReadonlyMap<string, Buffer>): Map<string, Buffer> {
  return new Map(
    [...all].filter(
      ([name]) => name === 'security.capability' || (name.startsWith('user.') && !name.startsWith('user.overlay.')),
    ),
  );
}
