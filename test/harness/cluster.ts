/** A real cluster of the test's own, made by the real command, with the real kubectl: beside whatever else runs on the machine. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runCommand } from '#lib/env/command.ts';
import { readFacts } from '../../cli/cluster/facts.ts';
import { layoutOf } from '../../cli/cluster/layout.ts';
import type { ClusterLayout, Folders } from '../../cli/cluster/layout.ts';
import { run } from '../../cli/cluster/run.ts';
import { eventually, patience } from './eventually.ts';

export { eventually };

/** After this a command is taken for stuck. */
const longestMs = 180_000 * patience;
const wherryBin = path.resolve(import.meta.dirname, '../../bin/wherry');
/** A name short enough for a cluster and different for each test process. */
const nameOf = (purpose: string) => `${purpose}-${process.pid.toString(36)}`;

export const testImage = 'wherry.local/test/busybox:1';

export interface TestCluster {
  layout: ClusterLayout;
  wherry(...args: string[]): Promise<string>;
  /** Runs kubectl to its end; resolves with its output, rejects with what it said. */
  kubectl(...args: string[]): Promise<string>;
  /** As kubectl(), with nothing but this bearer token to say who asks. */
  kubectlAs(token: string, ...args: string[]): Promise<string>;
  /** kubectl with a manifest on standard input. */
  apply(manifest: object | object[]): Promise<string>;
  /** What `kubectl diff` prints of a manifest; '' when an apply would change nothing. */
  diff(manifest: object): Promise<string>;
  /** An object as JSON. */
  get<T = Record<string, never>>(...args: string[]): Promise<T>;
  /** Starts kubectl and leaves it running; ended at the latest when the cluster is removed. */
  spawnKubectl(args: string[], options?: { tty?: boolean }): KubectlProcess;
  /** Pid of a supervised process of the cluster: etcd, control-plane, node-1... */
  pidOf(name: string): number;
  remove(): Promise<void>;
}

export interface KubectlProcess {
  child: ChildProcess;
  /** Everything written so far to standard output and error. */
  output(): string;
  write(text: string): void;
  end(): Promise<void>;
  /** Exit code. */
  exited: Promise<number | null>;
}

/** Starts a cluster with the test image in its store; everything of it is in a folder of its own below `parent`. */
export async function startTestCluster(purpose: string, nodes: number, parent = os.tmpdir()): Promise<TestCluster> {
  const name = nameOf(purpose);
  const root = mkdtempSync(path.join(parent, `wherry-${purpose}-`));
  const folders: Folders = { stateRoot: `${root}/state`, runRoot: `${root}/run` };
  const common = ['--name', name, '--state-root', folders.stateRoot, '--run-root', folders.runRoot, '--no-kubeconfig'];
  const wherry = (...args: string[]) => run(wherryBin, [...args, ...common], { timeoutMs: longestMs });
  const children = new Set<ChildProcess>();
  const remove = async () => {
    for (const child of children) child.kill('SIGKILL');
    if (existsSync(`${folders.stateRoot}/${name}/cluster.json`))
      await wherry(process.env.WHERRY_TEST_KEEP === undefined ? 'delete' : 'down');
    if (process.env.WHERRY_TEST_KEEP === undefined) rmSync(root, { recursive: true, force: true });
  };
  try {
    await wherry('up', '--nodes', String(nodes));
    await buildTestImage(root, wherry);
  } catch (error) {
    await remove();
    throw error;
  }
  const layout = layoutOf(readFacts(name, folders)!, folders);
  const kubeconfig = `--kubeconfig=${layout.kubeconfig}`;
  const kubectl = (...args: string[]) => run('kubectl', [kubeconfig, ...args], { timeoutMs: longestMs });
  return {
    layout,
    wherry,
    kubectl,
    kubectlAs: (token, ...args) =>
      run('kubectl', [
        '--kubeconfig=/dev/null',
        `--server=https://127.0.0.1:${layout.apiPort}`,
        `--certificate-authority=${layout.pkiDir}/ca.crt`,
        `--token=${token}`,
        ...args,
      ]),
    apply: (manifest) => run('kubectl', [kubeconfig, 'apply', '-f', '-'], { input: asList(manifest) }),
    diff: async (manifest) => {
      const { exitCode, stdout, stderr } = await runCommand(
        'kubectl',
        [kubeconfig, 'diff', '-f', '-'],
        JSON.stringify(manifest),
      );
      // 1 says that there are differences, more that it failed.
      if (exitCode > 1) throw new Error(stderr);
      return stdout;
    },
    get: async <T>(...args: string[]) => JSON.parse(await kubectl('get', ...args, '-o', 'json')) as T,
    spawnKubectl: (args, options) => spawnKubectl([kubeconfig, ...args], children, options?.tty ?? false),
    pidOf: (process) => Number(readFileSync(`${layout.runDir}/${process}.child`, 'utf8').split(' ')[0]),
    remove,
  };
}

/** An image of busybox alone, with its applets, and a shell script as command when the pod gives none. */
async function buildTestImage(root: string, wherry: (...args: string[]) => Promise<string>): Promise<void> {
  const context = `${root}/image`;
  mkdirSync(`${context}/links`, { recursive: true });
  cpSync('/bin/busybox', `${context}/busybox`);
  for (const applet of (await run('/bin/busybox', ['--list']))
    .split('\n')
    .filter((item) => /^\w+$/.test(item) && item !== 'busybox')) {
    symlinkSync('busybox', `${context}/links/${applet}`);
  }
  writeFileSync(
    `${context}/Dockerfile`,
    'FROM scratch\nCOPY busybox /bin/busybox\nCOPY links /bin/\nENV PATH=/bin\nCMD ["/bin/sleep", "100000"]\n',
  );
  await wherry('image', 'build', context, '--tag', testImage);
}

function asList(manifest: object | object[]): string {
  return Array.isArray(manifest)
    ? JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifest })
    : JSON.stringify(manifest);
}

function spawnKubectl(args: string[], children: Set<ChildProcess>, tty: boolean): KubectlProcess {
  // `script` gives kubectl a terminal, as a person has.
  const quoted = ['kubectl', ...args].map((arg) => `'${arg.replaceAll("'", "'\\''")}'`).join(' ');
  const child = tty ? spawn('script', ['-qefc', quoted, '/dev/null']) : spawn('kubectl', args);
  children.add(child);
  let text = '';
  child.stdout.on('data', (data: Buffer) => (text += data.toString()));
  child.stderr.on('data', (data: Buffer) => (text += data.toString()));
  child.stdin.on('error', () => {});
  const exited = new Promise<number | null>((resolve) => child.on('exit', resolve));
  return {
    child,
    output: () => text,
    write: (input) => void child.stdin.write(input),
    exited,
    async end() {
      child.kill('SIGTERM');
      await exited;
      children.delete(child);
    },
  };
}

/** Whatever of this cluster can be found on the machine: processes, mounts, namespaces, links, routes, tables, cgroups. */
export async function remainsOf(layout: ClusterLayout): Promise<string[]> {
  const processes = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && entry !== String(process.pid))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return line.includes(layout.runDir) || line.includes(layout.stateDir) ? [`process ${pid}: ${line}`] : [];
      } catch {
        return [];
      }
    });
  const lines = async (what: string, command: string, args: string[], needle: string) =>
    (await run(command, args))
      .split('\n')
      .filter((line) => line.includes(needle))
      .map((line) => `${what}: ${line}`);
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter(
      (line) =>
        line.includes(layout.runDir) || line.includes(layout.stateDir) || line.includes(`wherry-${layout.name}-`),
    );
  const cgroups = existsSync('/sys/fs/cgroup')
    ? (await run('find', ['/sys/fs/cgroup', '-maxdepth', '3', '-type', 'd', '-name', `wherry-${layout.name}-*`]))
        .split('\n')
        .filter((line) => line !== '')
    : [];
  return [
    ...processes,
    ...mounts.map((line) => `mount: ${line}`),
    ...(await lines('namespace', 'ip', ['netns', 'list'], `wherry-${layout.name}-`)),
    ...(await lines('link', 'ip', ['-brief', 'link'], layout.bridge)).filter((line) =>
      new RegExp(`${layout.bridge}(n\\d+)?[\\s@]`).test(line),
    ),
    ...(await lines('route', 'ip', ['route'], ` ${layout.bridge} `)),
    ...(await lines('table', 'nft', ['list', 'tables'], layout.table)).filter((line) =>
      line.endsWith(` ${layout.table}`),
    ),
    ...cgroups.map((line) => `cgroup: ${line}`),
  ];
}

/** Fails naming what is left of the cluster. */
export async function assertNothingRemains(layout: ClusterLayout): Promise<void> {
  assert.deepEqual(await remainsOf(layout), []);
}
