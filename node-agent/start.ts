/** The node agent: runs the pods that the API assigns to this node. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { connect } from '#lib/client/connect.ts';
import type { Client, View } from '#lib/client/types.ts';
import { makeView } from '#lib/client/view.ts';
import type { Env } from '#lib/env/env.ts';
import { stopLimitMs } from '#lib/env/service.ts';
import type { Service } from '#lib/env/service.ts';
import type { Node } from '#lib/kinds/gen/core-v1.ts';
import { node as nodeKind } from '#lib/kinds/node.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { service as serviceKind } from '#lib/kinds/service.ts';
import type { NodeAgentConfig } from './config.ts';
import { openDevices, usualCdiFolders } from './devices/devices.ts';
import { makeDeviceMeter } from './devices/meter.ts';
import { servePodResources } from './devices/pod-resources.ts';
import { makePressure } from './eviction/pressure.ts';
import { observeNode } from './eviction/observe.ts';
import { evictionSettings } from './eviction/settings.ts';
import { followDropIns } from './images/drop-ins.ts';
import { makeImages } from './images/images.ts';
import { followNodeRegistries } from './images/node-registries.ts';
import { makePods } from './lifecycle/pods.ts';
import type { Pods, StaticSource } from './lifecycle/pods.ts';
import { isTerminal } from './lifecycle/ending.ts';
import { makeHands } from './make-hands.ts';
import { followPeers } from './network/peers.ts';
import { imagesInUse } from './node/image-garbage.ts';
import { defaultMaxPods, nodeResources } from './node/allocatable.ts';
import { enlist } from './node/enlist.ts';
import { readMachine } from './node/machine.ts';
import { probeFeatures } from './runtime/oci/features.ts';
import { makeOciRuntime } from './runtime/oci/runtime.ts';
import type { OciRuntime } from './runtime/oci/runtime.ts';
import type { RuntimeFeatures } from './runtime/types.ts';
import { startServer } from './server/server.ts';
import { checkShutdown } from './shutdown/plan.ts';
import { endPods, isMachineStopping, shutdownRefusal, shuttingDown } from './shutdown/shutdown.ts';
import { followStaticPods } from './static-pods/folder.ts';
import { keepUp, nodeAsRegarded } from './upkeep.ts';

const defaultBridge = 'wherry0';
const defaultKubeletDir = '/var/lib/kubelet';

/** How long stopping waits for calls that are under way, and for steps. */
const stopGraceMs = 500;
const stopWithinMs = 1500;
/** How long the API may take to hear that the node goes down. */
const toldWithinMs = 1000;
/** How much longer than its pods' end the agent's own may take. */
const afterPodsMs = 5000;

/**
 * Starts the agent. It registers and takes up its pods as soon as the API answers and the node has a pod range, which may be later than this
 * resolves. Stopping it leaves all containers running.
 */
export async function start(config: NodeAgentConfig, env: Env): Promise<Service> {
  const { stateDir, runDir, logDir, imageDir, containerLogDir = logDir } = config;
  for (const folder of [stateDir, runDir, logDir, containerLogDir, imageDir]) {
    await mkdir(folder, { recursive: true, mode: 0o755 });
  }
  checkShutdown(config);
  const stopping = new AbortController();
  const client = connect(config.server, env);
  const ends: (() => unknown)[] = [];
  const shutdown: { endPods?: () => Promise<void> } = {};
  const booted = boot(config, env, client, ends, shutdown, stopping.signal).catch((error: unknown) => {
    // A node that cannot run pods must not look as if it could: the process ends, and whoever watches it starts it again.
    if (!stopping.signal.aborted) throw error;
  });
  const graceMs = (config.shutdownGracePeriod ?? 0) * 1000;
  return {
    ...(graceMs > 0 && { stopLimitMs: graceMs + afterPodsMs + stopLimitMs }),
    async stop() {
      if (graceMs > 0 && (await isMachineStopping())) await shutdown.endPods?.();
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
  shutdown: { endPods?: () => Promise<void> },
  signal: AbortSignal,
): Promise<void> {
  const features = probeFeatures(...runtimeDirs(config));
  const machine = await readMachine(config.stateDir);
  const settings = evictionSettings(config.eviction);
  const { nodeName, maxPods = defaultMaxPods, kubeReserved, systemReserved } = config;
  const resources = nodeResources(machine, {
    maxPods,
    ...(kubeReserved && { kubeReserved }),
    ...(systemReserved && { systemReserved }),
    thresholds: settings.thresholds,
  });
  const pressure = makePressure(settings);
  // A node that is short of something says so from the first moment on.
  pressure.look(await observeNode(config), env.now());
  let pods: Pods | undefined;
  let goesDown = false;
  const registries = followNodeRegistries(config.stateDir, env);
  ends.push(() => registries.close());
  const images = makeImages(
    {
      dir: config.imageDir,
      inUse: () => Promise.resolve(imagesInUse(pods?.all() ?? [])),
      registries: registries.registries,
      credentials: registries.credentials,
    },
    env,
  );
  const dropIns = { dir: path.join(config.stateDir, 'images'), memory: path.join(config.stateDir, 'dropped-in.json') };
  followDropIns({ env, images, ...dropIns }, signal).catch((error: unknown) =>
    env.log.error('Cannot take in images from files', { folder: dropIns.dir, error }),
  );
  const deviceMeter = makeDeviceMeter();
  const { kubeletDir = defaultKubeletDir } = config;
  const devices = await openDevices({
    env,
    dir: path.join(kubeletDir, 'device-plugins'),
    cdiFolders: usualCdiFolders,
    meter: deviceMeter,
  });
  ends.push(() => devices.stop());
  const view = makeView(
    client,
    [{ kind: podKind, fieldSelector: `spec.nodeName=${nodeName}` }, { kind: serviceKind }, { kind: nodeKind }],
    { env, signal },
  );
  const enlisting = enlist(
    {
      client,
      env,
      nodeName,
      address: config.address,
      port: config.listen.port,
      labels: config.labels ?? {},
      machine,
      resources,
      pressure,
      images,
      features,
      devices,
    },
    signal,
  ).then((enlisted) => {
    ends.push(() => enlisted.registration.stop());
    return enlisted;
  });
  // Its failure is heard of where it is waited for.
  enlisting.catch(() => {});
  const podCidr = await podCidrOf(config, view, () => Promise.all([enlisting, view.ready(signal)]), signal);
  const runtime = openRuntime(config, podCidr, env, await features);
  ends.push(() => runtime.close());
  const [hands] = await Promise.all([
    makeHands(config, {
      env,
      client,
      machine,
      resources,
      pressure,
      images,
      devices,
      runtime,
      view,
      closed: () => (goesDown ? shutdownRefusal : undefined),
    }),
    runtime.prepareNode(),
  ]);
  ends.push(
    () => hands.events.stop(),
    () => hands.volumes.stop(),
    () => hands.objects.stop(),
  );
  const taken = await makePods(hands, view, { statics: staticSource(config, env), signal });
  pods = taken;
  ends.push(() => taken.stop());
  const node = await enlisting;
  if (config.podCidr === undefined && podCidr !== (await assignedPodCidr(config, view, signal))) {
    throw new Error('The node has been given another range for its pods: it must start anew');
  }
  ends.push(
    view.onChange((changes) => {
      for (const { kind, object } of changes) {
        if (kind === nodeKind && object?.metadata.name === nodeName) {
          node.registration.observe(object as Node);
        }
      }
    }),
  );
  // What others have written until now has told nobody.
  const known = view.get(nodeKind, { namespace: '', name: nodeName });
  if (known) node.registration.observe(known);
  void followPeers(view, nodeName, env, signal);
  await keepUp(
    {
      ...config,
      env,
      runtime,
      images,
      pods: taken,
      events: hands.events,
      logLinks: hands.logLinks,
      settings,
      resources,
      pressure,
      changed: () => node.registration.update(),
    },
    signal,
  );
  const podResources = await servePodResources({
    env,
    file: path.join(kubeletDir, 'pod-resources/kubelet.sock'),
    pods: () => taken.all().flatMap(({ pod, exists }) => (pod && exists && !isTerminal(pod) ? [pod] : [])),
    devices,
    cpus: hands.cpus,
    meter: deviceMeter,
  });
  ends.push(() => podResources.close());
  const server = await startServer(config, {
    env,
    client,
    runtime,
    images,
    pods: taken,
    machine,
    probeMetrics: hands.probeMetrics,
    deviceMetrics: deviceMeter,
  });
  ends.push(() => server.stop());
  node.becomeReady(server.port);
  shutdown.endPods = async () => {
    goesDown = true;
    const told = node.becomeUnready(shuttingDown);
    await endPods({ env, config, pods: taken, events: hands.events, node: nodeAsRegarded(nodeName) });
    const over = new AbortController();
    // An API that does not answer is not waited for.
    await Promise.race([told, env.sleep(toldWithinMs, over.signal).catch(() => {})]);
    over.abort(new Error('The pods have ended'));
  };
  env.log.info('Ready for pods', { node: config.nodeName, podCidr, port: server.port });
}

/** Where the runtime keeps what outlives the machine's restarts, and what does not. */
function runtimeDirs({ stateDir, runDir }: NodeAgentConfig): [string, string] {
  return [path.join(stateDir, 'runtime'), path.join(runDir, 'runtime')];
}

function openRuntime(config: NodeAgentConfig, podCidr: string, env: Env, features?: RuntimeFeatures): OciRuntime {
  const [stateDir, runDir] = runtimeDirs(config);
  return makeOciRuntime(
    {
      stateDir,
      runDir,
      cgroupRoot: config.cgroupRoot,
      nodeIps: [config.address],
      boundLayers: config.ephemeralStorage === 'refuse',
      ...(config.podUserIds && { userIds: config.podUserIds }),
      ...(features && { features }),
      keepsMemory: config.memoryQoS ?? false,
      honestProc: config.honestProc ?? false,
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

/** The pods that the node is configured to run by itself. */
function staticSource({ staticPodDir, nodeName }: NodeAgentConfig, env: Env): StaticSource | undefined {
  if (staticPodDir === undefined) return undefined;
  return (onPods, signal) => followStaticPods({ env, folder: staticPodDir, nodeName }, onPods, signal);
}

/**
 * The range of this node's pods. A node that runs pods by itself goes by what was assigned last, as the API may be away, and be among those pods; any other waits for the
 * API to say, which `known` does.
 */
async function podCidrOf(
  config: NodeAgentConfig,
  view: View,
  known: () => Promise<unknown>,
  signal: AbortSignal,
): Promise<string> {
  const saved = config.staticPodDir === undefined ? undefined : await rememberedPodCidr(config);
  const soon = config.podCidr ?? saved;
  if (soon !== undefined) return soon;
  await known();
  return assignedPodCidr(config, view, signal);
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
  return config.podCidr ?? (await rememberedPodCidr(config)) ?? config.clusterCidr;
}

function rememberedPodCidr(config: NodeAgentConfig): Promise<string | undefined> {
  return readFile(podCidrFile(config), 'utf8').catch(() => undefined);
}
