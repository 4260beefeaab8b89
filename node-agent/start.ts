/** The node agent: runs the pods that the API assigns to this node. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { connect } from '#lib/client/connect.ts';
import type { ClientConfig } from '#lib/client/connect.ts';
import type { Client, View } from '#lib/client/types.ts';
import { makeView } from '#lib/client/view.ts';
import { makeRecorder } from '#lib/control/events.ts';
import type { Env } from '#lib/env/env.ts';
import type { Service } from '#lib/env/service.ts';
import type { Node } from '#lib/kinds/gen/core-v1.ts';
import { node as nodeKind } from '#lib/kinds/node.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { service as serviceKind } from '#lib/kinds/service.ts';
import { makeImages } from './images/images.ts';
import type { Images } from './images/types.ts';
import { containersOf } from './lifecycle/containers.ts';
import { parseResolvConf } from './lifecycle/dns.ts';
import { objectsNamedBy } from './lifecycle/env.ts';
import type { Hands, HostFacts } from './lifecycle/hands.ts';
import { makeLimit } from './lifecycle/limit.ts';
import { makeObserver } from './lifecycle/observer.ts';
import { makePods } from './lifecycle/pods.ts';
import type { Pods } from './lifecycle/pods.ts';
import { followPeers } from './network/peers.ts';
import { collectImages, imagesInUse } from './node/image-garbage.ts';
import { rotateLogs } from './node/log-rotation.ts';
import { readMachine, readPressure } from './node/machine.ts';
import type { Machine } from './node/machine.ts';
import { allocatableOf, nodeLabels } from './node/node-status.ts';
import { makeObjects } from './node/objects.ts';
import { heedVolumeLimits } from './node/volume-limits.ts';
import { register } from './node/registration.ts';
import type { Registration } from './node/registration.ts';
import { makeHookRunner } from './probes/hooks.ts';
import { makeProber } from './probes/prober.ts';
import { makeOciRuntime } from './runtime/oci/runtime.ts';
import type { OciRuntime } from './runtime/oci/runtime.ts';
import { startServer } from './server/server.ts';
import { makeVolumes } from './volumes/volumes.ts';

export interface NodeAgentConfig {
  nodeName: string;
  /** The node's address, which other nodes and the API server reach. */
  address: string;
  /** Where the API is. */
  server: ClientConfig;
  /** Where the API server reaches this agent; port 0 for any. */
  listen: { host: string; port: number };
  /** The agent's own certificate, and the CA of those who may call. PEM files. */
  tls: { caFile: string; certFile: string; keyFile: string };
  /** Outlives the machine's restarts. */
  stateDir: string;
  /** Gone after a restart of the machine; not readable by others. */
  runDir: string;
  /** Container logs, as `<namespace>_<pod>_<uid>/<container>/<attempt>.log`. */
  logDir: string;
  imageDir: string;
  /** Name of the cgroup below which pods have theirs. */
  cgroupRoot: string;
  clusterDns: string;
  clusterDomain: string;
  clusterCidr: string;
  bridge?: string;
  /** The range of this node's pods; what the API assigns when absent. */
  podCidr?: string;
  labels?: Record<string, string>;
  maxPods?: number;
  registry?: { mirrors?: Record<string, string[]>; insecure?: string[] };
}

const defaultMaxPods = 110;
const defaultBridge = 'wherry0';
/** How long a list of images serves for the Node's status. */
const imagesKeptMs = 60_000;

/** How long stopping waits for calls that are under way, and for steps. */
const stopGraceMs = 500;
const stopWithinMs = 1500;

/**
 * Starts the agent. It registers and takes up its pods as soon as the API answers and the node has a pod range, which may be later than this
 * resolves. Stopping it leaves all containers running.
 */
export async function start(config: NodeAgentConfig, env: Env): Promise<Service> {
  for (const folder of [config.stateDir, config.runDir, config.logDir]) {
    await mkdir(folder, { recursive: true, mode: 0o755 });
  }
  const stopping = new AbortController();
  const client = connect(config.server, env);
  const ends: (() => unknown)[] = [];
  const booted = boot(config, env, client, ends, stopping.signal).catch((error: unknown) => {
    // A node that cannot run pods must not look as if it could: the process ends, and whoever watches it starts it again.
    if (!stopping.signal.aborted) throw error;
  });
  return {
    async stop() {
      stopping.abort(new Error('The agent stops'));
      // What is under way may end; what an API server that is away has not been told, the next agent finds out by itself.
      const cancel = env.after(stopGraceMs, () => client.close());
      const over = new AbortController();
      const ended = booted.then(async () => {
        for (const end of ends.toReversed()) await end();
      });
      const late = env.sleep(stopWithinMs, over.signal).then(
        () => env.log.warn('Steps are still under way; they are left as a kill would leave them'),
        () => {},
      );
      await Promise.race([ended, late]);
      over.abort(new Error('Stopped'));
      cancel();
      client.close();
    },
  };
}

/** The runtime of a node alone, for taking its pods down while the agent is not running. */
export async function makeNodeRuntime(config: NodeAgentConfig, env: Env): Promise<OciRuntime> {
  return openRuntime(config, await savedPodCidr(config), env);
}

async function boot(
  config: NodeAgentConfig,
  env: Env,
  client: Client,
  ends: (() => unknown)[],
  signal: AbortSignal,
): Promise<void> {
  const machine = await readMachine(config.stateDir);
  let pods: Pods | undefined;
  const images = makeImages(
    {
      dir: config.imageDir,
      inUse: () => Promise.resolve(imagesInUse(pods?.all() ?? [])),
      ...(config.registry?.mirrors && { mirrors: config.registry.mirrors }),
      ...(config.registry?.insecure && { insecureRegistries: config.registry.insecure }),
    },
    env,
  );
  const view = makeView(
    client,
    [{ kind: podKind, fieldSelector: `spec.nodeName=${config.nodeName}` }, { kind: serviceKind }, { kind: nodeKind }],
    { env, signal },
  );
  const [node] = await Promise.all([
    enlist(config, env, client, machine, images, signal).then((enlisted) => {
      ends.push(() => enlisted.registration.stop());
      return enlisted;
    }),
    view.ready(signal),
  ]);
  ends.push(
    view.onChange((changes) => {
      for (const { kind, object } of changes) {
        if (kind === nodeKind && object?.metadata.name === config.nodeName) {
          node.registration.observe(object as Node);
        }
      }
    }),
  );
  const podCidr = config.podCidr ?? (await assignedPodCidr(config, view, signal));
  const runtime = openRuntime(config, podCidr, env);
  ends.push(() => runtime.close());
  const [hands] = await Promise.all([
    makeHands(config, env, client, machine, images, runtime, view),
    runtime.prepareNode(),
  ]);
  ends.push(
    () => hands.events.stop(),
    () => hands.volumes.stop(),
    () => hands.objects.stop(),
  );
  void followPeers(view, config.nodeName, env, signal);
  const taken = await makePods(hands, view);
  pods = taken;
  ends.push(() => taken.stop());
  void rotateLogs({ env, runtime, pods: taken }, signal);
  void heedVolumeLimits({ env, pods: taken }, signal);
  void collectImages({ env, images, imageDir: config.imageDir, pods: taken }, signal);
  const server = await startServer(config, { env, runtime, images, pods: taken });
  ends.push(() => server.stop());
  node.becomeReady(server.port);
  env.log.info('Ready for pods', { node: config.nodeName, podCidr, port: server.port });
}

interface Enlisted {
  registration: Registration;
  becomeReady(port: number): void;
}

/** Registers the node, not ready yet. */
async function enlist(
  config: NodeAgentConfig,
  env: Env,
  client: Client,
  machine: Machine,
  images: Images,
  signal: AbortSignal,
): Promise<Enlisted> {
  const { nodeName, address, maxPods = defaultMaxPods } = config;
  let notReady: string | undefined =
    'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:no pod range assigned yet';
  let agentPort = config.listen.port;
  let listed = await images.list();
  let listedAt = env.monotonic();
  const inputs = async () => {
    if (env.monotonic() - listedAt > imagesKeptMs) {
      listed = await images.list();
      listedAt = env.monotonic();
    }
    const pressure = await readPressure(config.stateDir);
    return { nodeName, address, agentPort, maxPods, machine, images: listed, pressure, notReady };
  };
  const labels = nodeLabels(nodeName, machine.architecture, config.labels ?? {});
  const registration = await register({ client, env, labels, inputs }, signal);
  return {
    registration,
    becomeReady(port) {
      notReady = undefined;
      agentPort = port;
      registration.update();
    },
  };
}

async function makeHands(
  config: NodeAgentConfig,
  env: Env,
  client: Client,
  machine: Machine,
  images: Images,
  runtime: OciRuntime,
  view: View,
): Promise<Hands & { objects: { stop(): void } }> {
  const { nodeName, clusterDns, clusterDomain, logDir, maxPods = defaultMaxPods } = config;
  const facts: HostFacts = {
    nodeName,
    clusterDns,
    clusterDomain,
    hostHosts: await readFile('/etc/hosts', 'utf8').catch(() => ''),
    hostDns: parseResolvConf(await readFile('/etc/resolv.conf', 'utf8').catch(() => '')),
    hostIps: [config.address],
    memoryBytes: machine.memoryBytes,
    allocatable: allocatableOf(machine, maxPods),
    logDir,
    seccompDir: path.join(config.stateDir, 'seccomp'),
  };
  const events = makeRecorder('kubelet', client, env, nodeName);
  const objects = makeObjects(client, env);
  const observer = makeObserver(runtime, env);
  const volumes = await makeVolumes({
    env,
    client,
    stateDir: config.stateDir,
    runDir: config.runDir,
    objects,
    factsOf: (uid) => ({ ...facts, podIps: observer.get(uid)?.ips ?? [] }),
    memoryBytes: machine.memoryBytes,
    alsoNeeded: (pod) => {
      const named = containersOf(pod).map(({ spec }) => objectsNamedBy(spec));
      const pullSecrets = (pod.spec.imagePullSecrets ?? []).flatMap(({ name }) => (name === undefined ? [] : [name]));
      return {
        configMaps: named.flatMap(({ configMaps }) => configMaps),
        secrets: [...named.flatMap(({ secrets }) => secrets), ...pullSecrets],
      };
    },
  });
  return {
    env,
    client,
    events,
    runtime,
    observer,
    images,
    volumes,
    objects,
    hooks: makeHookRunner(runtime, env),
    prober: makeProber({ env, events, executor: runtime }),
    facts,
    services: () => view.list(serviceKind),
    room: () => {
      const node = view.get(nodeKind, { namespace: '', name: nodeName });
      return { allocatable: node?.status?.allocatable ?? facts.allocatable, labels: node?.metadata.labels ?? {} };
    },
    limit: makeLimit(2 * machine.cpus),
  };
}

function openRuntime(config: NodeAgentConfig, podCidr: string, env: Env): OciRuntime {
  return makeOciRuntime(
    {
      stateDir: path.join(config.stateDir, 'runtime'),
      runDir: path.join(config.runDir, 'runtime'),
      cgroupRoot: config.cgroupRoot,
      nodeIps: [config.address],
      network: {
        bridge: config.bridge ?? defaultBridge,
        podCidr,
        clusterCidr: config.clusterCidr,
        ipamDir: path.join(config.stateDir, 'addresses'),
      },
    },
    env,
  );
}

const podCidrFile = (config: NodeAgentConfig) => path.join(config.stateDir, 'pod-cidr');

/** The range the API has assigned to this node, awaited, and remembered for when the API is away. */
async function assignedPodCidr(config: NodeAgentConfig, view: View, signal: AbortSignal): Promise<string> {
  const look = () => view.get(nodeKind, { namespace: '', name: config.nodeName })?.spec.podCIDR || undefined;
  const podCidr =
    look() ??
    (await new Promise<string>((resolve, reject) => {
      const off = view.onChange(() => {
        const found = look();
        if (found === undefined) return;
        off();
        resolve(found);
      });
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    }));
  await writeFile(podCidrFile(config), podCidr);
  return podCidr;
}

/** What was assigned last; a node that never had a range has no pods, and any will do. */
async function savedPodCidr(config: NodeAgentConfig): Promise<string> {
  return config.podCidr ?? (await readFile(podCidrFile(config), 'utf8').catch(() => config.clusterCidr));
}
