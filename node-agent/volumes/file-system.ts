/** File systems on block devices, for local volumes that are a device and wanted as a folder; upstream's `mount-utils`. */
import { mkdir } from 'node:fs/promises';
import { demandCommand, runCommand } from '#lib/env/command.ts';
import { mountPoints } from './mounts.ts';

const usualType = 'ext4';
/** What blkid says by its exit code: it knows nothing of what is there. */
const nothingFound = 2;
/** Making a file system on a large and slow disk takes its time. */
const limitMs = 10 * 60_000;
/** Without room kept for root, and without asking back. */
const makingFlags: Readonly<Record<string, readonly string[]>> = { ext3: ['-F', '-m0'], ext4: ['-F', '-m0'] };

/**
 * Mounts a device at `target`; does nothing when that is done. A device that holds nothing gets a file system first; one that holds something else is left as it
 * is, and cannot be mounted. Not to be called twice at a time for one device.
 */
export async function mountDevice(
  device: string,
  target: string,
  { type = usualType, options = [] }: { type?: string | undefined; options?: readonly string[] | undefined },
): Promise<void> {
  if ((await mountPoints()).includes(target)) return;
  if (!(await holdsSomething(device))) {
    const flags = makingFlags[type] ?? [];
    await demandCommand(`make a file system on ${device}`, `mkfs.${type}`, [...flags, device], '', limitMs);
  }
  await mkdir(target, { recursive: true });
  const how = options.length > 0 ? ['-o', options.join(',')] : [];
  await demandCommand(`mount ${device}`, 'mount', ['-t', type, ...how, device, target]);
}

/** Whether there is a file system on a device, or a table of partitions, or anything else that has a name. */
async function holdsSomething(device: string): Promise<boolean> {
  const { exitCode, stderr } = await runCommand('blkid', ['-p', '-s', 'TYPE', '-s', 'PTTYPE', device], '', limitMs);
  if (exitCode !== 0 && exitCode !== nothingFound)
    throw new Error(`cannot tell what is on ${device}: ${stderr.trim() || `blkid ended with exit code ${exitCode}`}`);
  return exitCode === 0;
}
