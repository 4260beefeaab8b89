/** Reads files of an image without leaving it: its links may point anywhere. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, readSync } from 'node:fs';
import path from 'node:path';

/** As many links as the kernel follows in one path. */
const mostLinks = 40;
/** A passwd file beyond this is none. */
const longestFileBytes = 1024 * 1024;

/** Where `file` is when `root` is `/`: links are followed within it, and `..` stops at it. Undefined when something on the way is missing. */
export function resolveInRoot(root: string, file: string): string | undefined {
  let links = 0;
  let todo = file.split('/');
  let at: string[] = [];
  while (todo.length > 0) {
    const part = todo.shift()!;
    if (part === '' || part === '.') continue;
    if (part === '..') {
      at.pop();
      continue;
    }
    const here = path.join(root, ...at, part);
    const found = lstatSync(here, { throwIfNoEntry: false });
    if (!found) return undefined;
    if (!found.isSymbolicLink()) {
      at.push(part);
      continue;
    }
    if (++links > mostLinks) return undefined;
    const target = readlinkSync(here);
    if (target.startsWith('/')) at = [];
    todo = [...target.split('/'), ...todo];
  }
  return path.join(root, ...at);
}

/** The text of a file in the image; '' when it is missing, no plain file, or beyond any sense. Only for a root in which nothing runs yet. */
export function readInRoot(root: string, file: string): string {
  const found = resolveInRoot(root, file);
  if (found === undefined || !lstatSync(found).isFile()) return '';
  const descriptor = openSync(found, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const size = fstatSync(descriptor).size;
    if (size > longestFileBytes) return '';
    const buffer = Buffer.alloc(size);
    return buffer.toString('utf8', 0, readSync(descriptor, buffer, 0, size, 0));
  } finally {
    closeSync(descriptor);
  }
}
