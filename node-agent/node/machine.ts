/** What the machine is and has, read from it. */
import { readFileSync } from 'node:fs';
import { readFile, statfs } from 'node:fs/promises';
import os from 'node:os';

export interface Machine {
  cpus: number;
  memoryBytes: number;
  storageBytes: number;
  machineId: string;
  systemUuid: string;
  bootId: string;
  kernel: string;
  osImage: string;
  /** As Go names it: amd64, arm64. */
  architecture: string;
}

/** What may run short. */
export interface Pressure {
  memory: boolean;
  disk: boolean;
  pids: boolean;
}

const architectures: Record<string, string> = { x64: 'amd64', arm64: 'arm64' };

/** Upstream's hard eviction threshold for memory. */
const leastMemoryBytes = 100 * 1024 * 1024;
const leastDiskShare = 0.05;
const leastPidShare = 0.1;

/** Reads what does not change while the machine runs. */
export async function readMachine(stateDir: string): Promise<Machine> {
  const storage = await statfs(stateDir);
  return {
    cpus: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    storageBytes: storage.blocks * storage.bsize,
    machineId: textOf('/etc/machine-id'),
    systemUuid: textOf('/sys/class/dmi/id/product_uuid'),
    bootId: textOf('/proc/sys/kernel/random/boot_id'),
    kernel: os.release(),
    osImage: /^PRETTY_NAME="?(.*?)"?$/m.exec(textOf('/etc/os-release'))?.[1] ?? 'Linux',
    architecture: architectures[process.arch] ?? process.arch,
  };
}

/** Whether memory, disk or process numbers run short now. */
export async function readPressure(stateDir: string): Promise<Pressure> {
  const [meminfo, loadavg, pidMax, storage] = await Promise.all([
    readFile('/proc/meminfo', 'utf8'),
    readFile('/proc/loadavg', 'utf8'),
    readFile('/proc/sys/kernel/pid_max', 'utf8'),
    statfs(stateDir),
  ]);
  const availableBytes = Number(/^MemAvailable:\s+(\d+)/m.exec(meminfo)?.[1] ?? Infinity) * 1024;
  const threads = Number(/\d+\/(\d+)/.exec(loadavg)?.[1] ?? 0);
  return {
    memory: availableBytes < leastMemoryBytes,
    disk: storage.bavail < storage.blocks * leastDiskShare,
    pids: threads > Number(pidMax) * (1 - leastPidShare),
  };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}
