/** A node under chaos: its processes killed, started again and kept away, and everything that lies on it listed, to find what is left over. */
import { spawn } from 'node:child_process';
import { createWriteStream, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { insideNode, stemOf } from '../../cli/cluster/up.ts';
import { run, supervise } from '../../cli/cluster/run.ts';
import type { ClusterLayout } from '../../cli/cluster/layout.ts';
import type { TestCluster } from '../harness/cluster.ts';

export interface ChaosNode {
  /** SIGKILL to the agent's process and its supervisor; nothing starts it again. */
  killAgent(): void;
  startAgent(): void;
  /** Starts the agent without anybody who would start it again, armed with a crash (`crash/preload.ts`) if one is given. */
  runAgent(crash?: string): AgentRun;
  /** All that pods make on a node, as sorted lines: mounts, files, containers, links, addresses claimed, host ports, devices, cgroups, processes. */
  traces(): Promise<string[]>;
}

export interface AgentRun {
  kill(): void;
  /** Resolves when it has ended, by whatever. */
  ended: Promise<void>;
  /** Resolves to the milliseconds until it was ready for pods; never for one that is killed before. */
  ready: Promise<number>;
}

const preload = fileURLToPath(new URL('crash/preload.ts', import.meta.url));

/** The first node of the cluster, whose agent must be running. */
export function chaosNode({ layout, pidOf }: TestCluster): ChaosNode {
  const node = layout.nodes[0]!;
  const stem = stemOf(layout, node.name);
  const command = insideNode(node, commandOf(pidOf(node.name)));
  const inside = async (...words: string[]) => {
    const [program, ...args] = insideNode(node, words);
    return (await run(program!, args)).split('\n').filter((line) => line !== '');
  };
  return {
    killAgent() {
      const pid = pidOf(node.name);
      killIfThere(Number(readFileSync(`${stem}.pid`, 'utf8')));
      killIfThere(pid);
    },
    startAgent: () => supervise(stem, `${layout.logDir}/${node.name}.log`, command),
    runAgent(crash) {
      const at = command.indexOf(process.execPath) + 1;
      const [program, ...args] =
        crash === undefined ? command : [...command.slice(0, at), '--import', preload, ...command.slice(at)];
      const begin = performance.now();
      const child = spawn(program!, args, {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { ...process.env, ...(crash !== undefined && { WHERRY_CRASH: crash }) },
      });
      const log = createWriteStream(`${layout.logDir}/${node.name}.log`, { flags: 'a' });
      child.stderr.pipe(log);
      return {
        kill: () => void child.kill('SIGKILL'),
        ended: new Promise((resolve) => child.on('exit', () => resolve())),
        ready: new Promise((resolve) => {
          child.stderr.on('data', (data: Buffer) => {
            if (data.includes('Ready for pods')) resolve(performance.now() - begin);
          });
        }),
      };
    },
    async traces() {
      const mounts = (await inside('cat', '/proc/self/mountinfo')).map((line) => line.split(' ').slice(3, 5).join(' '));
      // Logs outlive their pods for a while.
      const files = await inside(
        'find',
        node.stateDir,
        node.runDir,
        '(',
        '-path',
        `${node.logDir}/*`,
        '-o',
        '-path',
        `${node.containerLogDir}/*`,
        ')',
        '-prune',
        '-o',
        '-print',
      );
      const links = (await inside('ip', '-o', 'link')).map((line) => line.split(/: |@/)[1]!);
      const ports = (await inside('nft', 'list', 'table', 'ip', 'wherry_pods')).flatMap(
        // Elements of maps, several of which share a line.
        (line) => line.match(/(tcp|udp|sctp) \. \d+ : [\d.]+ \. \d+|[\d.]+ \. [\d.]+(?= [,}])/g) ?? [],
      );
      const devices = (await run('losetup', ['--list', '--noheadings', '--output', 'BACK-FILE'])).split('\n');
      const containers = await inside('crun', `--root=${node.runDir}/runtime/crun`, 'list', '--quiet');
      const cgroups = (await run('find', ['/sys/fs/cgroup', '-type', 'd', '-path', `*${node.cgroupRoot}*`])).split(
        '\n',
      );
      return [
        // A namespace begins with what the machine has mounted, other clusters' mounts among it.
        ...mounts
          .filter((line) => [node.stateDir, node.runDir].some((folder) => line.includes(folder)))
          .map((line) => `mount ${line}`),
        ...files.map((line) => `file ${line}`),
        ...links.map((line) => `link ${line}`),
        ...cgroups.map((line) => `cgroup ${line}`),
        ...ports.map((line) => `port ${line}`),
        ...devices.filter((line) => line.includes(node.stateDir)).map((line) => `device ${line}`),
        ...containers.map((id) => `container ${id}`),
        ...commandLines()
          .filter(({ line }) => [node.runDir, node.stateDir].some((folder) => line.includes(folder)))
          .filter(({ line }) => !line.includes('--config'))
          .map(({ line }) => `process ${line}`),
      ].toSorted();
    },
  };
}

/** Leaves of a cluster what a sudden restart of the machine would: no process, no namespace, no mount, no run folder; only what is on disk. */
export async function loseMachine(layout: ClusterLayout): Promise<void> {
  const isOurs = (pid: number, line: string) =>
    line.includes(layout.runDir) ||
    line.includes(layout.stateDir) ||
    readOr(`/proc/${pid}/cgroup`, '').includes(`/wherry-${layout.name}-`);
  for (let rest = commandLines(); rest.length > 0;) {
    rest = commandLines().filter(({ pid, line }) => pid !== process.pid && isOurs(pid, line));
    for (const { pid } of rest) killIfThere(pid);
  }
  const mounted = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => point.startsWith(layout.runDir));
  for (const point of mounted.toReversed()) await run('umount', ['--lazy', point]);
  for (const { netns, cable } of layout.nodes) {
    await run('ip', ['link', 'delete', cable]);
    await run('ip', ['netns', 'delete', netns]);
  }
  await run('ip', ['link', 'delete', layout.bridge]);
  rmSync(layout.runDir, { recursive: true, force: true });
}

/** Every process's pid and command line, its words joined by spaces. */
export function commandLines(): { pid: number; line: string }[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      const line = readOr(`/proc/${pid}/cmdline`, '').replaceAll('\0', ' ');
      return line === '' ? [] : [{ pid: Number(pid), line }];
    });
}

/** Whether a process is the first one of a pid namespace of its own. */
export function isContainerInit(pid: number): boolean {
  return /^NSpid:.*\s1$/m.test(readOr(`/proc/${pid}/status`, ''));
}

export function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function commandOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
}

/** A file of /proc; `absent` when its process has ended, as they do while we look. */
export function readOr(file: string, absent: string): string {
  return unlessEnded(() => readFileSync(file, 'utf8'), absent);
}

/** A link of /proc, likewise. */
export function linkOr(file: string, absent: string): string {
  return unlessEnded(() => readlinkSync(file), absent);
}

function unlessEnded(read: () => string, absent: string): string {
  try {
    return read();
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EINVAL'].includes(String((error as NodeJS.ErrnoException).code))) return absent;
    throw error;
  }
}
