/**
 * Places in a volume, held open: what a pod has in its volume may become something else at any moment, a link for instance, so everything is
 * reached from what is open already, one name at a time, and no link is followed.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

/** O_PATH, which Node does not name: opens for use as a place only, needs no permission and blocks on nothing. */
const placeOnly = 0o10000000;

/** Opens a volume's root, which is the node's and may be reached through links of the node's. */
export function openRoot(path: string): Promise<FileHandle> {
  return open(path, placeOnly);
}

/** Opens what has this name in an open folder, a link as itself. */
export function openIn(folder: FileHandle, name: string): Promise<FileHandle> {
  return open(nameIn(folder, name), placeOnly | constants.O_NOFOLLOW);
}

/** A path by which the kernel finds exactly what is open. Never for a link, which it would follow. */
export function pathOf(place: FileHandle): string {
  return `/proc/${process.pid}/fd/${place.fd}`;
}

/** A path of a name in an open folder. Whoever uses it must not follow what the name may be a link to. */
export function nameIn(folder: FileHandle, name: string): string {
  return `${pathOf(folder)}/${name}`;
}
