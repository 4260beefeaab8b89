/** Makes, reads and removes cgroups. Paths begin below each hierarchy: `/wherry/...`. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, watch, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { CgroupResources, CgroupUsage } from '../types.ts';
import { numberAfter, readUsage } from './cgroup-usage.ts';
import { resourceWrites } from './cgroup-writes.ts';
import type { CgroupDialect, CgroupWrite } from './cgroup-writes.ts';
import { signalProcess } from './process-table.ts';

export interface Cgroups {
  /** Makes a cgroup and limits it; children may be limited in turn. */
  make(cgroup: string, resources: CgroupResources): void;
  /** Changes the settings of a cgroup that is there. */
  apply(cgroup: string, writes: readonly CgroupWrite[]): void;
  /** Sends SIGKILL to everything in the cgroup and below; the number of processes there were. */
  kill(cgroup: string): number;
  /** Removes the cgroup and all below. False when processes are still in it. */
  remove(cgroup: string): boolean;
  /** Names of the cgroups right below this one, over all hierarchies. */
  children(cgroup: string): string[];
  /** Whether the cgroup, which is there, has a file: what a kernel can do shows in what it has. */
  has(cgroup: string, controller: string, file: string): boolean;
  /** How often the kernel killed in the cgroup for want of memory. */
  oomKills(cgroup: string): number;
  usage(cgroup: string): CgroupUsage;
  /** Calls `listener` when the cgroup comes up against its own limit of memory; v1 tells nobody. Returns the way to stop. */
  onShortage(cgroup: string, listener: () => void): () => void;
}

const wantedControllers = ['cpuset', 'cpu', 'io', 'memory', 'pids', 'hugetlb'];
/** The v1 hierarchies in which a pod has a folder of its own before its containers do. */
const podControllers = ['cpu', 'memory', 'pids'];
const sigkill = 9;

/** `mount` is where cgroups are mounted: one file system for v2, a folder of hierarchies for v1. */
export function openCgroups(dialect: CgroupDialect, mount = '/sys/fs/cgroup'): Cgroups {
  const { version } = dialect;
  const ownFolders = dialect.hugePageBytes.length > 0 ? [...podControllers, 'hugetlb'] : podControllers;
  const hierarchies =
    version === 'v2'
      ? [mount]
      : readdirSync(mount, { withFileTypes: true })
          .filter((entry) => entry.isDirectory() && existsSync(path.join(mount, entry.name, 'cgroup.procs')))
          .map((entry) => path.join(mount, entry.name));
  const of = (controller: string, cgroup: string) =>
    version === 'v2' ? path.join(mount, cgroup) : path.join(mount, controller, cgroup);
  /** Every process is in all hierarchies, so one tells who is in a cgroup. */
  const members = (cgroup: string) => of('pids', cgroup);

  function apply(cgroup: string, writes: readonly CgroupWrite[]): void {
    for (const { controller, file, value } of writes) writeFileSync(path.join(of(controller, cgroup), file), value);
  }

  return {
    make(cgroup, resources) {
      if (version === 'v2') enableControllers(mount, cgroup);
      else for (const controller of ownFolders) mkdirSync(of(controller, cgroup), { recursive: true });
      apply(cgroup, resourceWrites(resources, dialect));
    },
    apply,
    kill(cgroup) {
      let count = 0;
      for (const folder of withFoldersBelow(members(cgroup))) {
        for (const line of readText(path.join(folder, 'cgroup.procs')).split('\n')) {
          if (line !== '' && signalProcess(Number(line), sigkill)) count++;
        }
      }
      return count;
    },
    remove(cgroup) {
      return hierarchies.every((hierarchy) => removeFolders(path.join(hierarchy, cgroup)));
    },
    children(cgroup) {
      return [...new Set(hierarchies.flatMap((hierarchy) => foldersIn(path.join(hierarchy, cgroup))))];
    },
    has: (cgroup, controller, file) => existsSync(path.join(of(controller, cgroup), file)),
    oomKills(cgroup) {
      const file = version === 'v2' ? 'memory.events' : 'memory.oom_control';
      return numberAfter('oom_kill', readText(path.join(of('memory', cgroup), file)));
    },
    usage: (cgroup) => readUsage(version, (controller, file) => readText(path.join(of(controller, cgroup), file))),
    onShortage(cgroup, listener) {
      // What happens in cgroups below, which have limits of their own, is not in this file.
      const file = path.join(mount, cgroup, 'memory.events.local');
      if (version !== 'v2' || !existsSync(file)) return () => {};
      const watcher = watch(file, { persistent: false }, listener);
      // The cgroup is gone: nothing in it can run short.
      watcher.on('error', () => watcher.close());
      return () => watcher.close();
    },
  };
}

/** In v2 a controller works in a cgroup when all its ancestors hand it on. */
function enableControllers(mount: string, cgroup: string): void {
  let at = mount;
  for (const part of ['', ...cgroup.split('/').filter((name) => name !== '')]) {
    at = path.join(at, part);
    mkdirSync(at, { recursive: true });
    const offered = new Set(readText(path.join(at, 'cgroup.controllers')).trim().split(' '));
    const passed = new Set(readText(path.join(at, 'cgroup.subtree_control')).trim().split(' '));
    const missing = wantedControllers.filter((name) => offered.has(name) && !passed.has(name));
    if (missing.length > 0)
      writeFileSync(path.join(at, 'cgroup.subtree_control'), missing.map((name) => `+${name}`).join(' '));
  }
}

/** Deepest first. */
function withFoldersBelow(folder: string): string[] {
  return [...foldersIn(folder).flatMap((name) => withFoldersBelow(path.join(folder, name))), folder];
}

function removeFolders(folder: string): boolean {
  for (const each of withFoldersBelow(folder)) {
    try {
      rmdirSync(each);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EBUSY') return false;
      if (code !== 'ENOENT') throw error;
    }
  }
  return true;
}

function foldersIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

/** '' for a file that is not there: its cgroup is gone, or the controller is not in use. */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENODEV') return '';
    throw error;
  }
}
