/** What the machine is and has, read from it. */
import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import os from 'node:os';
import { readHugePages } from '../runtime/huge-pages.ts';
import type { HugePagePool } from '../runtime/huge-pages.ts';

export interface Machine {
  cpus: number;
  memoryBytes: number;
  swapBytes: number;
  hugePages: HugePagePool[];
  storageBytes: number;
  /** How many processes and threads the kernel can tell apart. */
  maxPids: number;
  machineId: string;
  systemUuid: string;
  bootId: string;
  kernel: string;
  osImage: string;
  /** As Go names it: amd64, arm64. */
  architecture: string;
}

const architectures: Record<string, string> = { x64: 'amd64', arm64: 'arm64' };

/** Reads what does not change while the machine runs, or counts as it was when the agent started. */
export async function readMachine(stateDir: string): Promise<Machine> {
  const storage = await statfs(stateDir);
  return {
    cpus: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    swapBytes: Number(/^SwapTotal:\s+(\d+) kB$/m.exec(textOf('/proc/meminfo'))?.[1] ?? 0) * 1024,
    hugePages: readHugePages(),
    storageBytes: storage.blocks * storage.bsize,
    maxPids: Number(textOf('/proc/sys/kernel/pid_max')),
    machineId: textOf('/etc/machine-id'),
    systemUuid: textOf('/sys/class/dmi/id/product_uuid'),
    bootId: textOf('/proc/sys/kernel/random/boot_id'),
    kernel: os.release(),
    osImage: /^PRETTY_NAME="?(.*?)"?$/m.exec(textOf('/etc/os-release'))?.[1] ?? 'Linux',
    architecture: architectures[process.arch] ?? process.arch,
  };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}
