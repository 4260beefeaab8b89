/** Whose CPU time it is: of a cluster's parts, with all the short-lived programs that they run, as cgroups count it. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { usageOf } from './processes.ts';

/** CPU seconds by what took them. */
export type CpuSeconds = Record<string, number>;

export interface CpuAccount {
  /** What each part has taken since the account was opened. */
  read(): CpuSeconds;
  /** A file: processes whose ids are written to it, and their children from then on, count as `name`. */
  entryOf(name: string): string;
  /** Lets the cgroups go; to be called when the processes in them have ended. */
  close(): void;
}

const agentParts = ['agent and proxy', 'programs they run'] as const;

/**
 * Opens the account of a cluster with one node. `pids` are its processes by name, the node's among them as `node`; `podsCgroup` is
 * where its pods are, which count apart. The node's own time is told apart from that of its programs, conmons included.
 */
export function openCpuAccount(pids: ReadonlyMap<string, number>, podsCgroup: string): CpuAccount {
  const v1 = existsSync('/sys/fs/cgroup/cpuacct');
  const hierarchy = v1 ? '/sys/fs/cgroup/cpuacct' : '/sys/fs/cgroup';
  const folder = path.join(hierarchy, `wherry-bench-${process.pid}`);
  const secondsOf = (cgroup: string) => {
    if (!existsSync(cgroup)) return 0;
    if (v1) return Number(readFileSync(path.join(cgroup, 'cpuacct.usage'), 'utf8')) / 1e9;
    return Number(/^usage_usec (\d+)/m.exec(readFileSync(path.join(cgroup, 'cpu.stat'), 'utf8'))?.[1]) / 1e6;
  };
  const names = new Set<string>();
  const entryOf = (name: string) => {
    names.add(name);
    mkdirSync(path.join(folder, name), { recursive: true });
    return path.join(folder, name, 'cgroup.procs');
  };
  for (const [name, pid] of pids) writeFileSync(entryOf(name), String(pid));
  const node = pids.get('node')!;
  const agentBefore = usageOf(node).cpuSeconds;
  return {
    read() {
      const agent = usageOf(node).cpuSeconds - agentBefore;
      const of = (name: string) => secondsOf(path.join(folder, name));
      return {
        [agentParts[0]]: agent,
        [agentParts[1]]: of('node') - agent,
        containers: secondsOf(path.join(hierarchy, podsCgroup)),
        ...Object.fromEntries([...names].filter((name) => name !== 'node').map((name) => [name, of(name)])),
      };
    },
    entryOf,
    close() {
      for (const name of names) rmdirSync(path.join(folder, name));
      rmdirSync(folder);
    },
  };
}

/** What was taken between two readings, and all of it together. */
export function cpuBetween(before: CpuSeconds, after: CpuSeconds): CpuSeconds {
  const parts = Object.entries(after).map(([name, seconds]) => [name, seconds - (before[name] ?? 0)] as const);
  return { ...Object.fromEntries(parts), all: parts.reduce((sum, [, seconds]) => sum + seconds, 0) };
}
