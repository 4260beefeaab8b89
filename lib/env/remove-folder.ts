/** Removes folders with everything in them. */
import { opendirSync, rmdirSync, unlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';

/** So many entries go in less time than it takes to hand them to another thread one by one. */
const fewEntries = 100;

/**
 * Removes a folder, as `rm --recursive --force`: at once when there is little in it, and beside the event loop when there is much. Nothing that is mounted may be in it. Rejects when
 * something resists.
 */
export async function removeFolder(folder: string): Promise<void> {
  try {
    if (removeUpTo(folder, { entries: fewEntries })) return;
  } catch {
    // Whatever it was, it is met again below, and told from there.
  }
  await rm(folder, { recursive: true, force: true });
}

/** False when there is more in it than the budget allows. */
function removeUpTo(folder: string, budget: { entries: number }): boolean {
  const reading = opendirSync(folder);
  try {
    for (let entry = reading.readSync(); entry; entry = reading.readSync()) {
      if (--budget.entries < 0) return false;
      const child = `${folder}/${entry.name}`;
      if (!entry.isDirectory()) unlinkSync(child);
      else if (!removeUpTo(child, budget)) return false;
    }
  } finally {
    reading.closeSync();
  }
  rmdirSync(folder);
  return true;
}
