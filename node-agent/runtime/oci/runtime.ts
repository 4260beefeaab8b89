/** The OCI runtime: pods as Linux namespaces and cgroups, containers by crun, each under a conmon of its own that outlives us. */
import { mkdirSync } from 'node:fs';
import type { Env } from '#lib/env/env.ts';
import { makePodNetwork } from '../../network/pod-network.ts';
import type { NetworkOptions } from '../../network/pod-network.ts';
import { StartError } from '../types.ts';
import type { Attacher, CpuPinner, Executor, LayerLister, LogReopener, ObservedPod, PodsLimiter } from '../types.ts';
import type { PortOpener, Runtime, RuntimeFeatures, StatsReader } from '../types.ts';
import { checkIdPool, wholeIdPool } from '../user-ids.ts';
import type { IdPool } from '../user-ids.ts';
import { makeAttacher, makePortOpener, reopenLog } from './attach.ts';
import { openCgroups } from './cgroup-files.ts';
import type { CgroupDialect } from './cgroup-writes.ts';
import { podsCgroup } from './cgroups.ts';
import { guardConmons } from './conmon-guard.ts';
import { makeContainerStarter, removeContainers } from './containers.ts';
import { makeEnds } from './ends.ts';
import { makeExecutor } from './exec.ts';
import { openExits } from './exits.ts';
import { probeFeatures } from './features.ts';
import { containerFolders, runtimeFolders } from './folders.ts';
import { endHonestFiles, serveHonestFiles } from './honest-files.ts';
import { limitedHugePages, prepareHost, probeHost } from './host.ts';
import { usualLxcfs } from './lxcfs.ts';
import { observeContainer, observePod } from './observe.ts';
import { runsIn } from './process-table.ts';
import { writeRecord } from './records.ts';
import { recover } from './recover.ts';
import { resizePod } from './resize.ts';
import { pinContainers } from './pin.ts';
import { makeSandbox, removeSandbox, sandboxStands, weighTier } from './sandbox.ts';
import { makeTurns } from './turns.ts';
import { containersUsage, podUsage } from './usage.ts';
import { findContainer } from './workshop.ts';
import type { PodEntry, Workshop } from './workshop.ts';
import { podFolders } from './folders.ts';

export interface OciRuntimeOptions {
  /** Outlives the machine's restarts. */
  stateDir: string;
  /** Made anew at each start of the machine. */
  runDir: string;
  /** Below each cgroup hierarchy, such as `/wherry/east-node-1`; nobody else's. */
  cgroupRoot: string;
  network: NetworkOptions;
  /** The node's own addresses: those of pods on the node's network. */
  nodeIps: readonly string[];
  /** Whether the kernel refuses containers to write more than their limit of ephemeral storage. */
  boundLayers?: boolean;
  /** What pods ask for of memory is theirs whatever happens, where the kernel can see to that (cgroup v2). */
  keepsMemory?: boolean;
  /** Whether containers see their own limits in /proc, by lxcfs. */
  honestProc?: boolean;
  /** What pods with users of their own (`hostUsers: false`) get ids from: all there are when absent. */
  userIds?: IdPool;
  /** What has been found out already; found out when absent. */
  features?: RuntimeFeatures;
  crun?: string;
  conmon?: string;
  lxcfs?: string;
}

export type OciRuntime = Runtime &
  Executor &
  Attacher &
  PortOpener &
  StatsReader &
  LayerLister &
  PodsLimiter &
  CpuPinner &
  LogReopener & {
    /** Makes the machine and its pod network ready, and adopts what an earlier process left: all that the first pod would wait for. */
    prepareNode(): Promise<void>;
    /** Ends and removes what a node without pods leaves: lxcfs, and cgroups in hierarchies that only its mount namespace may know. For its end. */
    clearNode(): Promise<void>;
    /** Stops watching. Pods go on. */
    close(): void;
  };

/**
 * Makes the runtime of a node. It acts in the network and mount namespace this process lives in, and must find the same ones after a restart. The first
 * call of any verb makes the machine ready and adopts what an earlier process left.
 */
export function makeOciRuntime(options: OciRuntimeOptions, env: Env): OciRuntime {
  const listeners = new Set<(podUid: string) => void>();
  const inTurn = makeTurns();
  let opening: ReturnType<typeof open> | undefined;
  let closed = false;

  async function open() {
    const shop = await openWorkshop(options, env);
    const ends = makeEnds(shop);
    const onEnd = (id: string) => {
      const found = findContainer(shop, id);
      if (!found) return;
      ends.settle(found.pod, found.container);
      ends.wake(id);
      for (const listener of listeners) listener(found.pod.record.spec.uid);
    };
    shop.exits.start(onEnd);
    await recover(shop);
    const holders = () => honestHolders(shop);
    if (options.honestProc) {
      const lxcfs = options.lxcfs ?? usualLxcfs;
      shop.honest = await serveHonestFiles({ env, folder: shop.folders.honest, lxcfs, holders });
    } else await endHonestFiles({ env, folder: shop.folders.honest, holders });
    const stopGuard = guardConmons(shop, onEnd);
    const stopWatching = () => {
      stopGuard();
      shop.exits.stop();
      shop.honest?.stop();
    };
    if (closed) stopWatching();
    const parts = {
      starter: makeContainerStarter(shop),
      executor: makeExecutor(shop),
      attacher: makeAttacher(shop),
      ports: makePortOpener(shop),
    };
    return { shop, ends, stopWatching, ...parts };
  }

  /** Opens at the first call; after a failure the next call tries again. */
  async function opened() {
    opening ??= open();
    try {
      return await opening;
    } catch (error) {
      opening = undefined;
      throw error;
    }
  }

  function observe({ shop, ends }: Awaited<ReturnType<typeof open>>, pod: PodEntry): ObservedPod {
    for (const container of pod.containers.values()) ends.settle(pod, container);
    const containers = [...pod.containers.values()].map(({ record, exit }) => observeContainer(record, exit));
    return observePod(pod.record, sandboxStands(shop, pod), shop.nodeIps, containers);
  }

  return {
    async prepareNode() {
      const { shop } = await opened();
      await shop.network.prepareNode();
    },
    async list(uid) {
      const all = await opened();
      const pods = uid === undefined ? [...all.shop.pods.values()] : [all.shop.pods.get(uid) ?? []].flat();
      return pods.map((pod) => observe(all, pod));
    },
    async preparePod(spec, signal) {
      const all = await opened();
      return await inTurn(spec.uid, async () => {
        const known = all.shop.pods.get(spec.uid);
        if (known && sandboxStands(all.shop, known)) return observe(all, known);
        if (known) await endAll(all, known);
        return observe(all, await makeSandbox(all.shop, spec, signal));
      });
    },
    async startContainer(spec, signal) {
      const all = await opened();
      return await inTurn(spec.pod.uid, async () => {
        const pod = all.shop.pods.get(spec.pod.uid);
        if (!pod || !sandboxStands(all.shop, pod))
          throw new StartError('CreateContainerError', `the sandbox of pod ${spec.pod.uid} does not stand`);
        const container = await all.starter.start(pod, spec, signal);
        all.ends.settle(pod, container);
        return observeContainer(container.record, container.exit);
      });
    },
    async resizePod(uid, wanted) {
      const all = await opened();
      return await inTurn(uid, async () => {
        const pod = all.shop.pods.get(uid);
        if (!pod) throw new Error(`Cannot resize pod ${uid}: it has no sandbox`);
        for (const container of pod.containers.values()) all.ends.settle(pod, container);
        resizePod(all.shop, pod, wanted);
        return observe(all, pod);
      });
    },
    async stopContainer(id, graceMs, signal) {
      const { shop, ends } = await opened();
      const found = findContainer(shop, id);
      if (found) await ends.stop(found.pod, found.container, graceMs, signal);
    },
    async removeContainer(id) {
      const { shop, ends } = await opened();
      const uid = findContainer(shop, id)?.pod.record.spec.uid;
      if (uid === undefined) return;
      await inTurn(uid, async () => {
        const found = findContainer(shop, id);
        if (!found) return;
        ends.settle(found.pod, found.container);
        if (found.container.record.started && !found.container.exit)
          throw new Error(`Cannot remove container ${id}: it is running`);
        await removeContainers(shop, found.pod, [id]);
      });
    },
    async removePod(uid) {
      const all = await opened();
      await inTurn(uid, async () => {
        const pod = all.shop.pods.get(uid);
        if (!pod) return;
        pod.record.phase = 'removing';
        writeRecord(podFolders(all.shop.folders, uid).record, pod.record);
        // The latest last: cut short, it must not leave an earlier run that would be taken for the latest.
        const runs = [...pod.containers.values()].sort((a, b) => a.record.attempt - b.record.attempt);
        await removeContainers(
          all.shop,
          pod,
          runs.map(({ record }) => record.id),
        );
        await removeSandbox(all.shop, pod.record);
      });
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    exec: async (id, command, how, sink) => (await opened()).executor.exec(id, command, how, sink),
    execSync: async (id, command, timeoutMs) => (await opened()).executor.execSync(id, command, timeoutMs),
    attach: async (id, how, sink) => (await opened()).attacher.attach(id, how, sink),
    openPort: async (uid, port) => (await opened()).ports.openPort(uid, port),
    reopenLog: async (id) => reopenLog((await opened()).shop, id),
    async stats(uid) {
      const { shop } = await opened();
      const pod = shop.pods.get(uid);
      return pod ? containersUsage(shop, pod) : [];
    },
    async podUsage(uid) {
      const { shop } = await opened();
      const pod = shop.pods.get(uid);
      return pod && podUsage(shop, pod);
    },
    async podsUsage() {
      const { shop } = await opened();
      const cgroup = podsCgroup(shop.cgroupRoot);
      return { cgroup, whole: shop.cgroups.usage(cgroup) };
    },
    async layers(uid) {
      const { shop } = await opened();
      return [...(shop.pods.get(uid)?.containers.values() ?? [])].map(({ record: { id, name } }) => {
        return { id, name, folder: containerFolders(shop.folders, uid, id).upper };
      });
    },
    async limitPods(resources) {
      const { shop } = await opened();
      shop.cgroups.make(podsCgroup(shop.cgroupRoot), resources);
      for (const qos of ['Burstable', 'BestEffort'] as const) weighTier(shop, qos);
    },
    pin: async (cpusOf) => pinContainers((await opened()).shop, cpusOf),
    async podsWorkingSet() {
      const { shop } = await opened();
      return shop.cgroups.usage(podsCgroup(shop.cgroupRoot)).workingSetBytes;
    },
    async onPodsShort(listener) {
      const { shop } = await opened();
      shop.cgroups.make(podsCgroup(shop.cgroupRoot), {});
      return shop.cgroups.onShortage(podsCgroup(shop.cgroupRoot), listener);
    },
    async clearNode() {
      const { shop } = await opened();
      shop.honest?.stop();
      await endHonestFiles({ env, folder: shop.folders.honest, holders: () => honestHolders(shop) });
      if (!shop.cgroups.remove(shop.cgroupRoot))
        throw new Error(`Cannot remove cgroup ${shop.cgroupRoot}: it is in use`);
    },
    close() {
      closed = true;
      opening
        ?.then(({ stopWatching }) => stopWatching())
        .catch(() => {
          // What failed to open has nothing to close.
        });
    },
  };
}

/** A process of each container that runs and sees its own limits. */
function honestHolders({ pods }: Workshop): number[] {
  return [...pods.values()]
    .flatMap(({ containers }) => [...containers.values()])
    .flatMap(({ record, exit }) => {
      const pid = record.honest && !exit ? record.started?.pid : undefined;
      return pid !== undefined && runsIn(pid, record.id) ? [pid] : [];
    });
}

/** Ends what still runs of a pod whose sandbox has broken: it could not reach its siblings any more. */
async function endAll({ ends }: { ends: ReturnType<typeof makeEnds> }, pod: PodEntry): Promise<void> {
  const never = new AbortController().signal;
  for (const container of pod.containers.values()) await ends.stop(pod, container, 0, never);
}

async function openWorkshop(options: OciRuntimeOptions, env: Env): Promise<Workshop> {
  const folders = runtimeFolders(options.stateDir, options.runDir);
  mkdirSync(options.stateDir, { recursive: true, mode: 0o700 });
  await prepareHost(env.log);
  const host = probeHost(options.stateDir);
  const pool = options.userIds ?? wholeIdPool;
  checkIdPool(pool);
  const version = host.cgroup === 'v2' ? 'v2' : 'v1';
  const plain = {
    version,
    hugePageBytes: limitedHugePages(version),
    keepsMemory: options.keepsMemory ?? false,
  } as const;
  const { swapAccounting, ioWeight } = cgroupAbilities(plain, podsCgroup(options.cgroupRoot));
  const dialect = { ...plain, ...(ioWeight && { ioWeight }) };
  return {
    env,
    programs: { crun: options.crun ?? '/usr/bin/crun', conmon: options.conmon ?? '/usr/bin/conmon' },
    cgroupRoot: options.cgroupRoot,
    nodeIps: options.nodeIps,
    boundLayers: options.boundLayers ?? false,
    folders,
    host: { ...host, swapAccounting },
    features: options.features ?? (await probeFeatures(options.stateDir, options.runDir)),
    userIds: { pool },
    cgroups: openCgroups(dialect),
    dialect,
    network: makePodNetwork(options.network),
    exits: openExits(folders.exits),
    pods: new Map(),
  };
}

/** What the kernel can do to cgroups shows in the files that one of them has: the root of v2 has no limits. */
function cgroupAbilities(dialect: CgroupDialect, cgroup: string) {
  const cgroups = openCgroups(dialect);
  cgroups.make(cgroup, {});
  const v2 = dialect.version === 'v2';
  return {
    swapAccounting: cgroups.has(cgroup, 'memory', v2 ? 'memory.swap.max' : 'memory.memsw.limit_in_bytes'),
    ioWeight: v2
      ? (['io.weight', 'io.bfq.weight'] as const).find((file) => cgroups.has(cgroup, 'io', file))
      : undefined,
  };
}
