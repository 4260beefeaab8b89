/** A real etcd for tests: ephemeral loopback ports, a data folder of its own, gone with the process that started it. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long etcd may take until it answers. */
const startLimitMs = 15_000;

export interface TestEtcd {
  /** `http://127.0.0.1:PORT`. */
  readonly endpoint: string;
  readonly port: number;
  /** Of the process as it runs now. */
  readonly pid: number | undefined;
  /** Where it runs and keeps its data. */
  readonly folder: string;
  /** Ends the process with this signal and waits for it; the data stays. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port and data. */
  restart(): Promise<void>;
  /** Ends the process and removes the data. */
  stop(): Promise<void>;
}

export interface EtcdOptions {
  /** Flags instead of, or besides, the usual ones; etcd runs in its folder. Nobody waits until it answers then. */
  flags?: Record<string, string>;
  /** Besides what this process has. */
  environment?: Readonly<Record<string, string>>;
}

/** Starts an etcd of its own. Data is not fsynced: no test pulls the plug of the machine. */
export async function startEtcd({ flags, environment }: EtcdOptions = {}): Promise<TestEtcd> {
  const folder = mkdtempSync(join(tmpdir(), 'wherry-etcd-'));
  const [port, peerPort] = await freePorts(2);
  const endpoint = `http://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  const run = async () => {
    child = launch(folder, endpoint, `http://127.0.0.1:${peerPort}`, flags, environment);
    if (!flags) await waitUntilHealthy(endpoint, child);
  };
  const kill = async (signal: NodeJS.Signals = 'SIGKILL') => {
    const ending = child;
    child = undefined;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    // Until it has ended, it must keep this process waiting.
    ending.ref();
    ending.kill(signal);
    await once(ending, 'exit');
  };
  const removeAtExit = () => {
    child?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', removeAtExit);
  await run();
  return {
    endpoint,
    port: port!,
    get pid() {
      return child?.pid;
    },
    folder,
    kill,
    restart: run,
    async stop() {
      await kill();
      process.off('exit', removeAtExit);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

let shared: Promise<TestEtcd> | undefined;

/** One etcd for all suites of this process; each uses keys of its own. It ends with the process. */
export function sharedEtcd(): Promise<TestEtcd> {
  shared ??= startEtcd();
  return shared;
}

/** Killed by the kernel should this process die without a word. */
function launch(
  folder: string,
  endpoint: string,
  peer: string,
  more: Record<string, string> = {},
  environment: Readonly<Record<string, string>> = {},
): ChildProcess {
  const flags = {
    name: 'test',
    'data-dir': folder,
    'listen-client-urls': endpoint,
    'advertise-client-urls': endpoint,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `test=${peer}`,
    logger: 'zap',
    'log-level': 'error',
    ...more,
  };
  const child = spawn(
    'setpriv',
    [
      '--pdeathsig',
      'KILL',
      'etcd',
      '--unsafe-no-fsync',
      ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
    ],
    { cwd: folder, stdio: 'ignore', env: { ...process.env, ...environment } },
  );
  child.unref();
  return child;
}

async function waitUntilHealthy(endpoint: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + startLimitMs;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`Cannot start etcd: it ended with ${child.exitCode}`);
    if (await isHealthy(endpoint)) return;
    await sleep(20);
  }
  throw new Error(`Cannot start etcd: not healthy after ${startLimitMs} ms`);
}

async function isHealthy(endpoint: string): Promise<boolean> {
  try {
    const answer = await fetch(`${endpoint}/health`, { signal: AbortSignal.timeout(1000) });
    return answer.ok;
  } catch {
    return false;
  }
}

/** A loopback port that nobody listens on, at this moment. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port!;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
