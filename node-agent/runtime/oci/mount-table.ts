/** What is mounted in this process's mount namespace. */
import { readFileSync, realpathSync } from 'node:fs';
import type { Submount } from './mounts.ts';

/** Mount points at or below any of these folders. */
export function mountsBelow(...folders: string[]): string[] {
  const table = readFileSync('/proc/self/mountinfo', 'utf8');
  // A node has thousands of mounts and mostly none of them here: one search instead of as many lines.
  return folders.flatMap((folder) => (table.includes(folder) ? pointsBelow(folder, table) : []));
}

function pointsBelow(folder: string, table: string): string[] {
  return table
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => point === folder || point.startsWith(`${folder}/`));
}

/** What is mounted below any of these files and folders, which must be there. */
export function submountsOf(sources: readonly string[]): Submount[] {
  const table = readFileSync('/proc/self/mountinfo', 'utf8');
  return sources.flatMap((source) => parseSubmounts(table, source, realpathSync(source)));
}

/** The same of one folder, by the text of a mountinfo file. Of several mounts at one place the last is seen. */
export function parseSubmounts(table: string, source: string, folder: string): Submount[] {
  const start = folder === '/' ? '/' : `${folder}/`;
  const types = new Map<string, string>();
  for (const line of table.split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const point = unescape(left.split(' ')[4] ?? '');
    if (point.startsWith(start) && point !== start) types.set(point.slice(start.length), right.split(' ')[0] ?? '');
  }
  return [...types].map(([below, type]) => ({ source, below, type }));
}

/** The kernel writes blanks and their like as octal numbers. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(parseInt(code, 8)));
}
