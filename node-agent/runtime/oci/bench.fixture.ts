/** Namespaces, folders and an image for tests that run real containers, and calls to a runtime that lives in them. */
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { makeRealEnv } from '#lib/env/real.ts';
import type { ContainerSpec, ObservedContainer, ObservedPod, Runtime, SandboxSpec } from '../types.ts';
import type { OciRuntimeOptions } from './runtime.ts';

const env = makeRealEnv({ service: 'bench' });

export interface Bench {
  folder: string;
  cgroupRoot: string;
  /** Calls a verb of the driver; rejects with its error, `reason` included. */
  call<T>(verb: string, ...args: unknown[]): Promise<T>;
  /** The same verbs as a runtime. */
  runtime: Runtime;
  /** Ends the driver with SIGKILL. The next call starts another one; calls under way are rejected. */
  killDriver(): Promise<void>;
  /** Ends the driver as killDriver() does, and starts the next one so; those after it are started as ever. */
  nextDriver(how: DriverStart): Promise<void>;
  /** Runs a shell command in the node's namespaces. */
  inNode(command: string): string;
  /** Everything of pods that is on the node, as sorted lines. */
  traces(): string[];
  /** Removes all pods and says what is left of them. */
  leftovers(): Promise<string[]>;
  close(): Promise<void>;
}

export interface DriverStart {
  /** For Node.js. */
  flags: readonly string[];
  env: Readonly<Record<string, string>>;
}

const applets =
  'sh cat echo sleep id ls ps ping nc awk true false touch stty kill mount hostname mkdir dd tail head grep env test wc unshare'.split(
    ' ',
  );
const users = 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n';
const groups = 'root:x:0:\napp:x:1000:\nextra:x:2000:app\n';

/** Makes an empty node, with other settings than the usual where some are given. */
export async function makeBench(
  more: Pick<OciRuntimeOptions, 'honestProc' | 'keepsMemory' | 'crun' | 'conmon' | 'features' | 'userIds'> = {},
): Promise<Bench> {
  const folder = mkdtempSync(path.join(tmpdir(), 'wherry-oci-'));
  const cgroupRoot = `/wherry-test-${path.basename(folder)}`;
  makeLayer(path.join(folder, 'layer'));
  const holder = spawn('unshare', ['--mount', '--net', '--propagation', 'private', 'sh', '-c', 'echo; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  const enter = [`--target=${holder.pid}`, '--mount', '--net'];
  const options = {
    stateDir: path.join(folder, 'state'),
    runDir: path.join(folder, 'run'),
    cgroupRoot,
    nodeIps: ['192.0.2.1'],
    boundLayers: true,
    ...more,
    network: { bridge: 'wherry0', podCidr: '10.99.0.0/24', ipamDir: path.join(folder, 'addresses') },
  };
  const inNode = (command: string) =>
    execFileSync('nsenter', [...enter, 'sh', '-c', command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  inNode('ip link set lo up');
  let driver: Driver | undefined;
  let next: DriverStart | undefined;
  const listeners = new Set<(podUid: string) => void>();
  const callUnder = <T>(signal: AbortSignal | undefined, verb: string, ...args: unknown[]) => {
    driver ??= startDriver(
      [
        ...['nsenter', ...enter, 'env'],
        ...Object.entries(next?.env ?? {}).map(([name, value]) => `${name}=${value}`),
        process.execPath,
        ...(next?.flags ?? []),
        path.resolve(import.meta.dirname, '../oci/driver.fixture.ts'),
        JSON.stringify(options),
      ],
      (uid) => {
        for (const listener of listeners) listener(uid);
      },
    );
    next = undefined;
    return driver.call<T>(signal, verb, ...args);
  };
  const call = <T>(verb: string, ...args: unknown[]) => callUnder<T>(undefined, verb, ...args);
  const runtime: Runtime = {
    list: (uid) => call<ObservedPod[]>('list', ...(uid === undefined ? [] : [uid])),
    preparePod: (spec, signal) => callUnder<ObservedPod>(signal, 'preparePod', spec),
    startContainer: (spec, signal) => callUnder<ObservedContainer>(signal, 'startContainer', spec),
    resizePod: (uid, wanted) => call<ObservedPod>('resizePod', uid, wanted),
    stopContainer: (id, graceMs, signal) => callUnder<void>(signal, 'stopContainer', id, graceMs),
    removeContainer: (id) => call<void>('removeContainer', id),
    removePod: (uid) => call<void>('removePod', uid),
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const killDriver = async () => {
    await driver?.kill();
    driver = undefined;
  };
  const nextDriver = async (how: DriverStart) => {
    await killDriver();
    next = how;
  };
  const traces = () => {
    const { stateDir, runDir, network } = options;
    const interfaces = inNode('ip -br link')
      .split('\n')
      .filter((line) => line.startsWith('veth'));
    const mounts = inNode('cat /proc/self/mountinfo')
      .split('\n')
      .filter((line) => line.includes(folder) && !line.includes(` ${runDir}/pods `));
    const files = [
      `${stateDir}/pods`,
      `${stateDir}/exits`,
      `${runDir}/pods`,
      `${runDir}/crun`,
      `${runDir}/exec`,
      network.ipamDir,
    ].flatMap((each) => readdirSync(each).map((name) => `${each}/${name}`));
    const devices = inNode('losetup --list --noheadings --output BACK-FILE')
      .split('\n')
      .filter((line) => line.includes(folder));
    const ports = inNode('nft list table ip wherry_pods 2>/dev/null || :')
      .split('\n')
      .filter((line) => line.includes('10.99.0.') && !line.includes('10.99.0.0/24'));
    return [
      ...interfaces.map((line) => line.split(/[\s@]/)[0]!),
      ...mounts,
      ...files,
      ...devices,
      ...ports,
      ...podCgroups(cgroupRoot),
      ...processesOf(folder),
    ].toSorted();
  };
  const leftovers = async () => {
    for (const { uid } of await call<ObservedPod[]>('list')) await call('removePod', uid);
    return traces();
  };
  return {
    folder,
    cgroupRoot,
    call,
    runtime,
    killDriver,
    nextDriver,
    inNode,
    traces,
    leftovers,
    async close() {
      try {
        await leftovers();
        await call('clearNode');
        const left = await leftovers();
        if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`);
      } finally {
        await killDriver();
        // Hierarchies that the node alone has mounted nobody could look into afterwards.
        inNode(`find /sys/fs/cgroup/*${cgroupRoot} -depth -type d -exec rmdir {} + 2>/dev/null || :`);
        holder.stdin.end();
        removeCgroups(cgroupRoot);
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

/** Polls until `look` answers with something, for at most ten seconds. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const deadline = env.monotonic() + 10_000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (env.monotonic() > deadline) throw new Error(`${what}: did not happen`);
    await env.sleep(20);
  }
}

export function podSpec(more: Partial<SandboxSpec> = {}): SandboxSpec {
  return {
    uid: randomUUID(),
    namespace: 'default',
    name: 'web',
    hostname: 'web',
    domainname: '',
    hostNetwork: false,
    hostPid: false,
    hostIpc: false,
    shareProcessNamespace: false,
    hostUsers: true,
    sysctls: {},
    resolvConf: 'nameserver 10.96.0.10\n',
    hosts: '127.0.0.1\tlocalhost\n',
    qos: 'BestEffort',
    resources: {},
    ports: [],
    ...more,
  };
}

export interface ContainerWishes extends Omit<Partial<ContainerSpec>, 'security' | 'pod'> {
  security?: Partial<ContainerSpec['security']>;
}

/** A container of the pod that runs a shell script, or `args`. */
export function containerSpec(
  bench: Pick<Bench, 'folder'>,
  pod: SandboxSpec,
  script: string,
  more: ContainerWishes = {},
): ContainerSpec {
  const { uid, namespace, name } = pod;
  const config = {
    entrypoint: [],
    cmd: [],
    env: [],
    workingDir: '',
    user: '',
    stopSignal: '',
    labels: {},
    volumes: [],
  };
  const base = { name: 'main', attempt: 0, ...more };
  return {
    pod: { uid, namespace, name },
    image: { name: 'busybox', id: 'sha256:b0', config, layers: [path.join(bench.folder, 'layer')] },
    args: ['sh', '-c', script],
    env: [],
    workingDir: '/',
    user: '',
    supplementalGroups: [],
    runAsNonRoot: false,
    tty: false,
    stdin: false,
    stdinOnce: false,
    mounts: [],
    resources: {},
    oomScoreAdj: 1000,
    terminationMessagePath: '/dev/termination-log',
    logPath: path.join(bench.folder, 'logs', uid, base.name, `${base.attempt}.log`),
    ...base,
    security: {
      privileged: false,
      allowPrivilegeEscalation: true,
      readOnlyRootFilesystem: false,
      capabilitiesAdd: [],
      capabilitiesDrop: [],
      seccomp: 'RuntimeDefault',
      procMount: 'Default',
      ...more.security,
    },
  };
}

interface Driver {
  call<T>(signal: AbortSignal | undefined, verb: string, ...args: unknown[]): Promise<T>;
  kill(): Promise<void>;
}

function startDriver([command, ...args]: string[], onChange: (podUid: string) => void): Driver {
  const child: ChildProcess = spawn(command!, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  let gone = false;
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  let calls = 0;
  createInterface({ input: child.stdout! }).on('line', (line) => {
    const answer = JSON.parse(line) as
      | { changed: string }
      | { call: number; value: never; error?: { message: string; reason?: string } };
    if ('changed' in answer) return onChange(answer.changed);
    const { call, value, error } = answer;
    const caller = waiting.get(call);
    waiting.delete(call);
    if (error) caller?.reject(Object.assign(new Error(error.message), { reason: error.reason }));
    else caller?.resolve(value);
  });
  child.stdin!.on('error', () => {
    // Killed by the test.
  });
  void ended.then(() => {
    gone = true;
    for (const { reject } of waiting.values()) reject(driverGone());
  });
  return {
    call: (signal, verb, ...values) =>
      new Promise((resolve, reject) => {
        if (gone) return reject(driverGone());
        const call = ++calls;
        waiting.set(call, { resolve, reject });
        child.stdin!.write(`${JSON.stringify({ call, verb, args: values })}\n`);
        signal?.addEventListener('abort', () => child.stdin!.write(`${JSON.stringify({ abort: call })}\n`));
      }),
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function driverGone(): Error {
  return Object.assign(new Error('The driver is gone'), { reason: 'DriverGone' });
}

function makeLayer(folder: string): void {
  for (const name of ['bin', 'etc', 'proc', 'sys', 'dev', 'tmp', 'root'])
    mkdirSync(path.join(folder, name), { recursive: true });
  copyFileSync('/bin/busybox', path.join(folder, 'bin/busybox'));
  for (const name of applets) symlinkSync('busybox', path.join(folder, 'bin', name));
  writeFileSync(path.join(folder, 'etc/passwd'), users);
  // A link that leads out of the image when it is followed from outside.
  writeFileSync(path.join(folder, 'etc/real-group'), groups);
  symlinkSync('/../../etc/real-group', path.join(folder, 'etc/group'));
}

function podCgroups(root: string): string[] {
  return cgroupFolders(root).filter((folder) => /\/pod[^/]*$/.test(folder));
}

function cgroupFolders(root: string): string[] {
  return readdirSync('/sys/fs/cgroup', { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(path.join('/sys/fs/cgroup', entry.name, root)))
    .flatMap((entry) =>
      execFileSync('find', [path.join('/sys/fs/cgroup', entry.name, root), '-depth', '-type', 'd'], {
        encoding: 'utf8',
      })
        .trim()
        .split('\n'),
    );
}

function removeCgroups(root: string): void {
  const folders = cgroupFolders(root);
  if (folders.length > 0) execFileSync('rmdir', folders);
}

/** Processes that still know of the folder, but for the driver. */
function processesOf(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    })
    .filter((line) => line.includes(folder) && !line.includes('driver.fixture'));
}
