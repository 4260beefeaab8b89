/** The cgroups of a node, in whichever hierarchies the machine has. */
import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import path from 'node:path';

/** Removes an empty tree of cgroups, leaves first, from every hierarchy; throws when one still holds processes. */
export function removeCgroups(root: string): void {
  for (const hierarchy of hierarchies()) {
    const folder = path.join(hierarchy, root);
    if (existsSync(folder)) removeTree(folder);
  }
}

function removeTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) removeTree(path.join(folder, entry.name));
  rmdirSync(folder);
}

/** Mount points of cgroup file systems, v1 and v2. */
function hierarchies(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(' ')[4]!);
}
