/** Reads what a node has left. */
import { readFile, stat, statfs } from 'node:fs/promises';
import type { Observation, Observations } from './types.ts';

export interface ObservedPlaces {
  /** Where writable layers, volumes and logs are. */
  stateDir: string;
  imageDir: string;
}

/** Looks at the machine; what pods may use of memory together is not in it. Costs a fraction of a millisecond. */
export async function observeNode({ stateDir, imageDir }: ObservedPlaces): Promise<Observations> {
  const [memory, pids, nodeFs, imageFs] = await Promise.all([
    memoryLeft(),
    pidsLeft(),
    fileSystemLeft(stateDir),
    fileSystemLeft(imageDir),
  ]);
  return {
    'memory.available': memory,
    ...(pids && { 'pid.available': pids }),
    'nodefs.available': nodeFs.space,
    'imagefs.available': imageFs.space,
    // Some file systems make inodes as they need them, and count none.
    ...(nodeFs.inodes.capacity > 0 && { 'nodefs.inodesFree': nodeFs.inodes }),
    ...(imageFs.inodes.capacity > 0 && { 'imagefs.inodesFree': imageFs.inodes }),
  };
}

/** Whether images lie on a file system of their own. */
export async function hasOwnImageFs({ stateDir, imageDir }: ObservedPlaces): Promise<boolean> {
  const [state, images] = await Promise.all([stat(stateDir), stat(imageDir)]);
  return state.dev !== images.dev;
}

async function memoryLeft(): Promise<Observation> {
  const text = await readFile('/proc/meminfo', 'utf8');
  const bytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? NaN) * 1024;
  return { available: bytes('MemAvailable'), capacity: bytes('MemTotal') };
}

/** Threads count, as the kernel gives each a number; a limit on threads may be lower than that on numbers. */
async function pidsLeft(): Promise<Observation | undefined> {
  const numberIn = async (file: string) => Number(await readFile(file, 'utf8'));
  const [loadavg, pidMax, threadsMax] = await Promise.all([
    readFile('/proc/loadavg', 'utf8'),
    numberIn('/proc/sys/kernel/pid_max'),
    numberIn('/proc/sys/kernel/threads-max'),
  ]);
  const running = /\d+\/(\d+)/.exec(loadavg)?.[1];
  const capacity = Math.min(pidMax, threadsMax);
  return running === undefined ? undefined : { available: capacity - Number(running), capacity };
}

async function fileSystemLeft(folder: string): Promise<{ space: Observation; inodes: Observation }> {
  const { blocks, bavail, bsize, files, ffree } = await statfs(folder);
  return {
    space: { available: bavail * bsize, capacity: blocks * bsize },
    inodes: { available: ffree, capacity: files },
  };
}
