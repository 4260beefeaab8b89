/** The block devices of this machine, as limits of input and output name them. */
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import type { IoLimits } from '#lib/kinds/pod-spec/io-limits.ts';
import type { CgroupDialect } from './cgroup-writes.ts';
import { deviceNumbers } from './devices.ts';
import { narrowest } from './io.ts';

/** Devices by their numbers, as `254:0`. */
const devicesFolder = '/sys/dev/block';

/**
 * Limits with devices by their numbers: whole disks, as the kernel limits no partitions. The device '' is the one that `folder` is on. Throws an Error for one that is not there, and for
 * a weight where the kernel knows none.
 */
export function resolveIo(
  io: IoLimits,
  folder: string,
  { version, ioWeight }: Pick<CgroupDialect, 'version' | 'ioWeight'>,
): IoLimits {
  if (io.weight !== undefined && !ioWeight) {
    const why = version === 'v1' ? 'this node has cgroup v1' : 'the kernel has neither io.weight nor io.bfq.weight';
    throw new Error(`Cannot weigh input and output: ${why}`);
  }
  const devices = io.devices.map((each) => ({ ...each, device: wholeDisk(numbersOf(each.device, folder)) }));
  return narrowest([{ ...io, devices }]);
}

function numbersOf(device: string, folder: string): string {
  if (device === '') return diskOf(folder);
  if (!device.startsWith('/')) {
    if (existsSync(`${devicesFolder}/${device}`)) return device;
    throw new Error(`Cannot limit input and output: this node has no block device ${device}`);
  }
  const found = statSync(device, { throwIfNoEntry: false });
  if (!found?.isBlockDevice()) {
    throw new Error(`Cannot limit input and output: ${device} is no block device of this node`);
  }
  return textOf(deviceNumbers(found.rdev));
}

/** Some file systems have numbers of their own, which no device has; they tell by their mount what they are on. */
function diskOf(folder: string): string {
  const own = textOf(deviceNumbers(statSync(folder).dev));
  if (existsSync(`${devicesFolder}/${own}`)) return own;
  const line = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((each) => each.split(' ')[2] === own);
  const source = line?.split(' - ')[1]?.split(' ')[1] ?? '';
  const found = source.startsWith('/dev/') ? statSync(source, { throwIfNoEntry: false }) : undefined;
  if (found?.isBlockDevice()) return textOf(deviceNumbers(found.rdev));
  throw new Error(`Cannot limit input and output: ${folder} is on no block device that this node knows of`);
}

function wholeDisk(numbers: string): string {
  const folder = realpathSync(`${devicesFolder}/${numbers}`);
  if (!existsSync(`${folder}/partition`)) return numbers;
  return readFileSync(path.join(folder, '../dev'), 'utf8').trim();
}

function textOf({ major, minor }: { major: number; minor: number }): string {
  return `${major}:${minor}`;
}
