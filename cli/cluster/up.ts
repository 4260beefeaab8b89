/** `wherry up`: from nothing, from rest, or from any half-way state to a running cluster. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Env } from '#lib/env/env.ts';
import { connect } from '#lib/client/connect.ts';
import { makeView } from '#lib/client/view.ts';
import type { Node } from '#lib/kinds/gen/core-v1.ts';
import { conditionOf } from '#lib/meta/conditions.ts';
import { equal } from '#lib/meta/equal.ts';
import { parseTime } from '#lib/meta/time.ts';
import { node as nodeKind } from '#lib/kinds/node.ts';
import type { NodeSettings } from '../../node-agent/settings/fields.ts';
import { controlPlaneConfig, etcdCommand, nodeConfig } from './configs.ts';
import { claimBridge, connectNodes, routeToPods } from './host-network.ts';
import { layKeys } from './keys.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { standardKubeletDir, standardLogDirs } from './layout.ts';
import type { ClusterLayout, NodeLayout } from './layout.ts';
import { pinMountNamespace } from './mount-namespace.ts';
import { nodeSettings } from './node-settings.ts';
import { isSupervised, restartSupervised, supervise } from './run.ts';
import { waitForDns } from './wait-for-dns.ts';

/** Seconds on an ordinary machine; a small or emulated one needs its time. */
const readyWithinMs = 240_000;
/**
 * The allocator of the C library keeps what many threads and large answers once needed. With one arena, and large blocks given back at once, a server of 15,000 objects holds
 * a third less after a load.
 */
const thriftyAllocator = ['MALLOC_ARENA_MAX=1', 'MALLOC_MMAP_THRESHOLD_=131072', 'MALLOC_TRIM_THRESHOLD_=131072'];

/**
 * How the control plane's Node.js is started. V8's young generation grows to 8 MB a half: with 4 requests for single objects cost up to a quarter more of the processor, with the
 * usual 16 lists cost up to twice as much, since large answers are held for longer. Pages that are free go back to the system after a second and not after eight: after a load
 * they are a quarter of the whole.
 */
export const controlPlaneNode = [
  'env',
  ...thriftyAllocator,
  process.execPath,
  '--max-semi-space-size=8',
  '--memory-pool-timeout=1',
] as const;

/**
 * How a node's Node.js is started. It must stay small, as each program it starts costs time in proportion to its memory: the heap grows by a third of what is alive and not to four
 * times that, without a bound that many pods could meet. With a hundred pods that is a third less.
 */
const nodeNode = ['env', ...thriftyAllocator, process.execPath, '--max-semi-space-size=2', '--heap-growing-percent=30'];

/**
 * What etcd finds in its environment. Go's scheduler has idle processors look for work: with half of the machine's, etcd takes a tenth less of them for the same requests, and
 * answers as soon.
 */
export const etcdEnvironment: Readonly<Record<string, string>> = {
  GOMAXPROCS: String(Math.max(1, Math.floor(availableParallelism() / 2))),
};

const program = (name: string) => fileURLToPath(new URL(`../processes/${name}.ts`, import.meta.url));

/** Reports a finished stage and how long it took. */
export type Report = (stage: string, ms: number) => void;

/** Starts whatever of the cluster is not running; resolves when all nodes are ready and cluster DNS answers. */
export async function up(cluster: ClusterLayout, env: Env, report: Report): Promise<void> {
  const timed = async <T>(stage: string, work: Promise<T>): Promise<T> => {
    const begin = env.monotonic();
    const result = await work;
    report(stage, env.monotonic() - begin);
    return result;
  };
  for (const folder of [
    cluster.etcdDir,
    cluster.etcdRunDir,
    cluster.runDir,
    ...cluster.nodes.flatMap((node) => [node.stateDir, node.runDir]),
  ]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
  await claimBridge(cluster);
  const etcd = [
    'env',
    ...Object.entries(etcdEnvironment).map(([name, value]) => `${name}=${value}`),
    ...etcdCommand(cluster),
  ];
  supervise(stemOf(cluster, 'etcd'), `${cluster.logDir}/etcd.log`, etcd, cluster.etcdRunDir);
  await Promise.all([
    timed('keys', layKeys(cluster, env.now())),
    timed('network', Promise.all([connectNodes(cluster), pinAll(cluster)])),
  ]);
  writeKubeconfig(cluster);
  startControlPlane(cluster);
  const settings = nodeSettings(cluster);
  const started = new Map<string, number>();
  for (const node of cluster.nodes) {
    // A node may be ready again before it is certain that it was started.
    const begin = env.now();
    if (await startNode(cluster, node, settings)) started.set(node.name, begin);
  }
  const deadline = AbortSignal.timeout(readyWithinMs);
  const since = (name: string) => started.get(name) ?? 0;
  const podCidrs = await timed('nodes ready', nodesReady(cluster, since, env, deadline));
  await routeToPods(cluster, podCidrs);
  await timed(
    'first DNS answer',
    waitForDns(cluster.dnsAddress, `kubernetes.default.svc.${cluster.domain}`, env, deadline),
  );
}

/** What a process of the cluster is supervised under. */
export function stemOf(cluster: ClusterLayout, name: string): string {
  return `${cluster.runDir}/${name}`;
}

/** The command that runs a program inside a node's namespaces. */
export function insideNode(node: NodeLayout, command: readonly string[]): string[] {
  return ['nsenter', `--mount=${node.mountNamespace}`, `--net=/run/netns/${node.netns}`, ...command];
}

async function pinAll(cluster: ClusterLayout): Promise<void> {
  // One after the other: each makes the same folder a private mount.
  for (const { mountNamespace, logDir, containerLogDir, kubeletDir } of cluster.nodes) {
    await pinMountNamespace(mountNamespace, [
      { from: logDir, to: standardLogDirs.pods },
      { from: containerLogDir, to: standardLogDirs.containers },
      { from: kubeletDir, to: standardKubeletDir },
    ]);
  }
}

function startControlPlane(cluster: ClusterLayout): void {
  const { file } = writeConfig(cluster.stateDir, 'control-plane', controlPlaneConfig(cluster));
  const command = [...controlPlaneNode, program('control-plane'), '--config', file];
  supervise(stemOf(cluster, 'control-plane'), `${cluster.logDir}/control-plane.log`, command);
}

/** False when the node is running already, with this configuration: one with another is started anew, and its containers go on. */
async function startNode(cluster: ClusterLayout, node: NodeLayout, settings: NodeSettings): Promise<boolean> {
  const stem = stemOf(cluster, node.name);
  const running = await isSupervised(stem);
  const { file, changed } = writeConfig(node.stateDir, 'node', nodeConfig(cluster, node, settings));
  const command = insideNode(node, [...nodeNode, program('node'), '--config', file]);
  if (!running) supervise(stem, `${cluster.logDir}/${node.name}.log`, command);
  else if (changed) await restartSupervised(stem);
  return !running || changed;
}

/** The file, and whether it says something else than before. */
function writeConfig(folder: string, name: string, config: object): { file: string; changed: boolean } {
  const file = `${folder}/${name}.json`;
  const text = `${JSON.stringify(config, null, 2)}\n`;
  if (existsSync(file) && equal(JSON.parse(readFileSync(file, 'utf8')), JSON.parse(text)))
    return { file, changed: false };
  writeFileSync(`${file}.tmp`, text, { mode: 0o600 });
  renameSync(`${file}.tmp`, file);
  return { file, changed: true };
}

/**
 * Resolves once each node is Ready and has its pod range: node name -> range. A node that was just started must have said so since then: what the
 * API remembers of its last life does not count.
 */
async function nodesReady(
  cluster: ClusterLayout,
  since: (node: string) => number,
  env: Env,
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const client = connect(
    { address: `unix:${cluster.socket}`, user: 'kubernetes-admin', groups: ['system:masters'] },
    env,
  );
  const done = new AbortController();
  try {
    const view = makeView(client, [{ kind: nodeKind }], { env, signal: AbortSignal.any([signal, done.signal]) });
    const readyRanges = () => {
      const nodes = cluster.nodes.map(({ name }) => view.get(nodeKind, { namespace: '', name }));
      const good = nodes.filter(
        (node) => node !== undefined && saidReady(node, since(node.metadata.name)) && node.spec.podCIDR !== undefined,
      );
      return good.length === nodes.length
        ? new Map(good.map((node) => [node!.metadata.name, node!.spec.podCIDR!]))
        : undefined;
    };
    await view.ready(signal);
    return await new Promise((resolve, reject) => {
      const look = () => {
        const ranges = readyRanges();
        if (ranges) resolve(ranges);
      };
      view.onChange(look);
      signal.addEventListener('abort', () =>
        reject(
          new Error(
            `Cannot start cluster "${cluster.name}": its nodes are not ready after ${readyWithinMs / 1000} s; see ${cluster.logDir}`,
          ),
        ),
      );
      look();
    });
  } finally {
    done.abort();
    client.close();
  }
}

/** Whether the node's Ready condition is true as of `sinceMs` or later; its times are in whole seconds. */
function saidReady(node: Node, sinceMs: number): boolean {
  const ready = conditionOf(node.status?.conditions, 'Ready');
  return ready?.status === 'True' && (parseTime(ready.lastHeartbeatTime) ?? 0) >= Math.floor(sinceMs / 1000) * 1000;
}
