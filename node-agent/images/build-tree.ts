/** The files that a build adds, as one sorted tree, whatever order they were copied in. */
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { DockerfileError } from './dockerfile.ts';
import type { CopyStep } from './dockerfile.ts';
import { ignoreMissing } from './store.ts';
import type { TarHeader } from './tar-format.ts';

/** An entry of the new layer; `source` is the file with its data. */
export interface TreeEntry {
  header: TarHeader;
  source?: string;
}

export interface BuildTree {
  /** Makes a folder and those above it; what the base has there is kept as it is. */
  addFolder(target: string): Promise<void>;
  copy(context: string, step: CopyStep): Promise<void>;
  /** Parents before children. */
  entries(): TreeEntry[];
}

const mostLinks = 40;

/** `lowers`: the base image's layers, topmost first, to follow its symlinks and keep its folders' modes. */
export function makeBuildTree(lowers: readonly string[]): BuildTree {
  const tree = new Map<string, TreeEntry>();

  const inBase = async (at: string) => {
    for (const lower of lowers) {
      const found = await lstat(path.join(lower, at)).catch(ignoreAbsent);
      // A whiteout ends the search: what is below is deleted.
      if (found?.isCharacterDevice()) return undefined;
      if (found) return { found, file: path.join(lower, at) };
    }
    return undefined;
  };

  /** The real path of a folder in the image, relative, '' for its root; recorded with all above it. */
  const ensureFolder = async (target: string): Promise<string> => {
    let left = partsOf(target);
    let at = '';
    let followed = 0;
    for (let part = left.shift(); part !== undefined; part = left.shift()) {
      if (part === '..') {
        at = at.includes('/') ? at.slice(0, at.lastIndexOf('/')) : '';
        continue;
      }
      const next = at === '' ? part : `${at}/${part}`;
      const added = tree.get(next);
      const base = added ? undefined : await inBase(next);
      const link =
        added?.header.type === 'symlink'
          ? Buffer.from(added.header.linkName, 'latin1').toString()
          : base?.found.isSymbolicLink()
            ? await readlink(base.file)
            : undefined;
      if (link !== undefined) {
        if (++followed > mostLinks) throw new Error(`${target} is behind too many symlinks`);
        if (link.startsWith('/')) at = '';
        left = [...partsOf(link), ...left];
        continue;
      }
      if (!added) {
        if (base && !base.found.isDirectory()) throw new Error(`${next} is not a folder in the base image`);
        const { mode, uid, gid } = base?.found ?? { mode: 0o755, uid: 0, gid: 0 };
        set(next, { type: 'folder', mode: mode & 0o7777, uid, gid });
      } else if (added.header.type !== 'folder') throw new Error(`${next} is not a folder`);
      at = next;
    }
    return at;
  };

  const set = (at: string, attributes: Partial<TarHeader> & Pick<TarHeader, 'type' | 'mode'>, source?: string) => {
    const name = latin1(attributes.type === 'folder' ? `${at}/` : at);
    const header: TarHeader = {
      uid: 0,
      gid: 0,
      sizeBytes: 0,
      mtimeSeconds: 0,
      linkName: '',
      xattrs: new Map(),
      ...attributes,
      name,
    };
    tree.set(at, source === undefined ? { header } : { header, source });
  };

  const copyInto = async (source: string, folder: string, name: string, step: CopyStep): Promise<void> => {
    const found = await lstat(source);
    const at = folder === '' ? name : `${folder}/${name}`;
    const owner = { uid: step.uid, gid: step.gid };
    const mode = step.mode ?? found.mode & 0o7777;
    if (found.isDirectory()) {
      const real = await ensureFolder(at);
      set(real, { type: 'folder', mode, ...owner });
      await copyChildren(source, real, step);
    } else if (found.isSymbolicLink())
      set(at, { type: 'symlink', mode: 0o777, linkName: latin1(await readlink(source)), ...owner });
    else if (found.isFile()) set(at, { type: 'file', mode, sizeBytes: found.size, ...owner }, source);
    else throw new DockerfileError(step.line, `${source} is neither a file nor a folder nor a symlink`);
  };

  const copyChildren = async (source: string, folder: string, step: CopyStep): Promise<void> => {
    for (const name of (await readdir(source)).sort()) await copyInto(path.join(source, name), folder, name, step);
  };

  return {
    async addFolder(target) {
      await ensureFolder(target);
    },
    async copy(context, step) {
      const sources = await sourcesOf(context, step);
      const isFolder = step.target.endsWith('/') || sources.length > 1;
      for (const source of sources) {
        if ((await stat(source)).isDirectory()) await copyChildren(source, await ensureFolder(step.target), step);
        else if (isFolder) await copyInto(source, await ensureFolder(step.target), path.basename(source), step);
        else {
          const existing = await inBase(step.target.slice(1));
          const isThere =
            existing?.found.isDirectory() === true || tree.get(step.target.slice(1))?.header.type === 'folder';
          const target = isThere ? step.target : path.posix.dirname(step.target);
          const name = isThere ? path.basename(source) : path.posix.basename(step.target);
          await copyInto(source, await ensureFolder(target), name, step);
        }
      }
    },
    entries: () => [...tree.entries()].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, entry]) => entry),
  };
}

/** Files of the context that a COPY names; patterns may name several. None may lie outside. */
async function sourcesOf(context: string, step: CopyStep): Promise<string[]> {
  const root = await realpath(context);
  const found: string[] = [];
  for (const source of step.sources) {
    const inside = path.posix.join('/', source).slice(1);
    const matches = /[*?[]/.test(inside)
      ? (await readdir(path.join(root, path.dirname(inside))))
          .filter((name) => path.matchesGlob(name, path.basename(inside)))
          .sort()
          .map((name) => path.join(root, path.dirname(inside), name))
      : [path.join(root, inside)];
    const real = await Promise.all(matches.map((match) => realpath(match).catch(ignoreMissing)));
    const present = real.filter((match): match is string => match !== undefined);
    if (present.length === 0) throw new DockerfileError(step.line, `${source} is not in the context`);
    if (present.some((match) => match !== root && !match.startsWith(`${root}/`)))
      throw new DockerfileError(step.line, `${source} leaves the context`);
    // A symlink's name counts, with the file it points to.
    for (const [index, match] of real.entries()) {
      if (match === undefined) continue;
      found.push(path.basename(matches[index]!) === path.basename(match) ? match : matches[index]!);
    }
  }
  return found;
}

function partsOf(target: string): string[] {
  return target.split('/').filter((part) => part !== '' && part !== '.');
}

function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

function ignoreAbsent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOTDIR') return undefined;
  return ignoreMissing(error);
}
