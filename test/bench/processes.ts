/** What processes cost: CPU time and memory, as the kernel counts them. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { ClusterLayout } from '../../cli/cluster/layout.ts';

export interface Usage {
  cpuSeconds: number;
  rssMb: number;
}

/** A process of a cluster. */
export interface ClusterProcess extends Usage {
  pid: number;
  /** The program: `node`, `control-plane`, `etcd`, `supervisor`, `conmon`... */
  name: string;
  /** Its share of memory: what it has with others counts in part. */
  pssMb: number;
}

let ticksPerSecond: number | undefined;

/** Of a process, all its threads, up to now. Throws when it is gone. */
export function usageOf(pid: number): Usage {
  ticksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  // The command's name, in parentheses, may hold anything; the numbers come after it.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
    rssMb: megabytesAfter('VmRSS', readFileSync(`/proc/${pid}/status`, 'utf8')),
  };
}

/** Name -> usage, for names -> process ids. */
export function usageOfAll(pids: ReadonlyMap<string, number>): Map<string, Usage> {
  return new Map([...pids].map(([name, pid]) => [name, usageOf(pid)]));
}

/** Every process whose command line names the cluster's folders. */
export function clusterProcesses({ stateDir, runDir }: ClusterLayout): ClusterProcess[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .flatMap((entry) => {
      const pid = Number(entry);
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        if (!words.some((word) => word.includes(stateDir) || word.includes(runDir))) return [];
        const pssMb = megabytesAfter('Pss', readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
        return [{ pid, name: nameOf(words), pssMb, ...usageOf(pid) }];
      } catch {
        // It ended while we looked.
        return [];
      }
    });
}

function megabytesAfter(field: string, text: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0) / 1024;
}

function nameOf(words: string[]): string {
  const script = words.find((word) => /processes\/[\w-]+\.ts$/.test(word));
  if (words.some((word) => word.endsWith('supervise.sh'))) return 'supervisor';
  return script ? script.replace(/^.*processes\//, '').replace('.ts', '') : (words[0] ?? '').replace(/^.*\//, '');
}
