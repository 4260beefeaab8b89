/** Devices of plug-ins: whoever registers offers some, pods get theirs when they are taken, and a file remembers who has which. */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { status } from '@grpc/grpc-js';
import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import type { Env } from '#lib/env/env.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { registrationService } from '#protos/gen/device-plugin.ts';
import type { Empty, RegisterRequest } from '#protos/gen/device-plugin.ts';
import { makeTurns } from '../images/turns.ts';
import { amountsOf, asksOf, choose, grantsOf, isUnmet, prospectOf, withoutPod } from './allot.ts';
import type { Ask } from './allot.ts';
import { checkpointName, readCheckpoint, renderCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { mergeGrants } from './merge.ts';
import type { DeviceMeter } from './meter.ts';
import { openPlugin } from './plugin.ts';
import type { Plugin } from './plugin.ts';
import { registrationFault } from './registration.ts';
import { serveOnSocket } from './socket-server.ts';
import type { CdiChanges, ContainerDevices, Device, Grant, Pools } from './types.ts';

export interface Devices {
  /** Whether a resource is one that plug-ins give. */
  keeps(resource: string): boolean;
  /** What the node has of each such resource, and what of that can be given. */
  amounts(): ReturnType<typeof amountsOf>;
  /** Calls `listener` after the amounts have changed, soon but not for each change of many. Returns the way to stop. */
  onChange(listener: () => void): () => void;
  /** Whether a pod asks for devices that it has not got. */
  lacks(pod: Pod): boolean;
  /** Gives a pod all that it asks for, which outlives this process; or nothing, and says why. Rejects only when aborted. */
  give(pod: Pod, signal: AbortSignal): Promise<{ reason: string; message: string } | undefined>;
  /** Makes a container's devices ready for a start, and says what it needs to use them. Rejects with DeviceError or CdiError. */
  ready(pod: Pod, container: string, signal: AbortSignal): Promise<ContainerDevices>;
  /** Takes back what a pod had. */
  release(uid: string): void;
  /** Takes back what pods had that are no more. */
  keepOnly(keeps: (uid: string) => boolean): void;
  /** Everything there is, and who has it. */
  view(): { pools: Pools; grants: readonly Grant[] };
  /** Lets go of the plug-ins. */
  stop(): void;
}

/** Where vendors put specifications of the Container Device Interface: what is installed, and what is made while the machine runs, which counts more. */
export const usualCdiFolders: readonly string[] = ['/etc/cdi', '/var/run/cdi'];

/** Devices cannot be given, or not be used: a sentence for users. */
export class DeviceError extends Error {
  override readonly name = 'DeviceError';
}

export interface DevicesParts {
  env: Env;
  /** Folder of the sockets of plug-ins, our own, and the file of what was given. */
  dir: string;
  /** Folders of specifications of the Container Device Interface; a later one counts more. */
  cdiFolders: readonly string[];
  meter: DeviceMeter;
}

/** As upstream: how long the devices of a plug-in that is gone still count as the node's, if not as free. */
const forgottenAfterMs = 5 * 60_000;
/** The node's status is not written for each change of a device that comes and goes. */
const toldEachMs = 1000;
/** Resources of plug-ins; each is a line in the node's status. */
const mostResources = 256;

interface Entry {
  plugin: Plugin | undefined;
  over: boolean;
}

/**
 * Reads what an earlier process gave, and listens for plug-ins. As upstream, sockets that lie in the folder are removed first: plug-ins see by that that they must
 * register anew. Rejects when it cannot listen, or for a file that is none of ours.
 */
export async function openDevices({ env, dir, cdiFolders, meter }: DevicesParts): Promise<Devices> {
  mkdirSync(dir, { recursive: true, mode: 0o750 });
  const file = path.join(dir, checkpointName);
  const memory = readCheckpoint(file);
  const pools = new Map<string, readonly Device[]>(memory.resources.map((resource) => [resource, []]));
  let grants = memory.grants;
  let written: string | undefined;
  const plugins = new Map<string, Entry>();
  const forgetting = new Map<string, () => void>();
  const turns = new Map<string, ReturnType<typeof makeTurns>>();
  const listeners = new Set<() => void>();
  let toldAmounts = JSON.stringify(amountsOf(pools));
  let cancelTelling: (() => void) | undefined;
  let toldFaults = '';

  const keeps = (resource: string) => pools.has(resource) || grants.some((grant) => grant.resource === resource);

  function save(): void {
    const text = renderCheckpoint(grants, pools);
    if (text === written) return;
    writeCheckpoint(file, text);
    written = text;
  }

  function trySave(): void {
    try {
      save();
    } catch (error) {
      env.log.error('Cannot write down which devices there are and were given', { error });
    }
  }

  function tell(): void {
    const now = JSON.stringify(amountsOf(pools));
    if (cancelTelling !== undefined || now === toldAmounts) return;
    toldAmounts = now;
    cancelTelling = env.after(toldEachMs, () => {
      cancelTelling = undefined;
      tell();
    });
    for (const listener of listeners) listener();
  }

  function put(resource: string, devices: readonly Device[]): void {
    pools.set(resource, devices);
    trySave();
    tell();
  }

  function unplug(resource: string, entry: Entry, error: Error): void {
    entry.over = true;
    if (plugins.get(resource) !== entry) return;
    env.log.warn('A device plug-in is gone', { resource, error });
    plugins.delete(resource);
    put(
      resource,
      (pools.get(resource) ?? []).map((device) => ({ ...device, healthy: false })),
    );
    forgetting.set(
      resource,
      env.after(forgottenAfterMs, () => put(resource, [])),
    );
  }

  async function register(request: RegisterRequest): Promise<void> {
    const { resourceName: resource, endpoint } = request;
    meter.registered(resource);
    const full = new Set([...pools.keys(), ...plugins.keys(), resource]).size > mostResources;
    const fault = registrationFault(request) ?? (full ? 'the node has too many resources of plug-ins' : undefined);
    if (fault !== undefined) throw new Error(fault);
    const entry: Entry = { plugin: undefined, over: false };
    const listener = {
      onDevices: (devices: Device[]) => void (plugins.get(resource) === entry && put(resource, devices)),
      onEnd: (error: Error) => unplug(resource, entry, error),
    };
    const plugin = await openPlugin(path.join(dir, endpoint), listener, env);
    entry.plugin = plugin;
    if (entry.over) throw new Error('the plug-in has ended its list of devices');
    plugins.get(resource)?.plugin?.close();
    plugins.set(resource, entry);
    forgetting.get(resource)?.();
    forgetting.delete(resource);
    env.log.info('A device plug-in has registered', { resource });
  }

  /** One ask of a resource at a time: the plug-in is asked twice before it is certain what is given. */
  function turnOf(resource: string): ReturnType<typeof makeTurns> {
    const turn = turns.get(resource) ?? makeTurns(1);
    turns.set(resource, turn);
    return turn;
  }

  async function giveOne(ask: Ask, pod: Pod, signal: AbortSignal): Promise<void> {
    const { uid, container, resource, count } = ask;
    const prospect = prospectOf(ask, pod, pools, grants);
    if (prospect.is === 'had') return;
    if (prospect.is === 'refused') throw new DeviceError(prospect.message);
    const plugin = plugins.get(resource)?.plugin;
    if (!plugin) throw new DeviceError(`endpoint ${resource} has been stopped`);
    const { must, free } = prospect;
    const asks = plugin.options.getPreferredAllocationAvailable && count > must.length;
    const preferred = asks
      ? await attempt('device plugin GetPreferredAllocation rpc failed with err: ', signal, () =>
          plugin.prefer(must, free, count, signal),
        )
      : [];
    const devices = choose(count, prospect, preferred);
    const began = env.monotonic();
    const response = await attempt('', signal, () => plugin.allocate(devices, signal));
    meter.allocated(resource, env.monotonic() - began);
    grants = [...grants, { uid, container, resource, devices, response }];
  }

  async function giveAll(asks: readonly Ask[], pod: Pod, signal: AbortSignal): Promise<void> {
    for (const ask of asks) await turnOf(ask.resource)(signal, () => giveOne(ask, pod, signal));
    save();
  }

  /** What a container with these devices of the Container Device Interface gets. Read for each start: vendors write these files when they like. */
  async function changesOfCdi(names: readonly string[]): Promise<CdiChanges> {
    // Most nodes never need this, nor the room that a reader of YAML takes.
    const [{ readCdi }, { changesFor }] = await Promise.all([import('./cdi/read.ts'), import('./cdi/resolve.ts')]);
    const catalog = await readCdi(cdiFolders);
    const faults = catalog.faults.join('\n');
    if (faults !== '' && faults !== toldFaults) {
      env.log.warn('Some CDI specifications do not count', { faults: catalog.faults });
    }
    toldFaults = faults;
    return changesFor(names, catalog);
  }

  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (entry.isSocket()) rmSync(path.join(dir, entry.name), { force: true });
  }
  const server = await serveOnSocket(
    path.join(dir, 'kubelet.sock'),
    registrationService,
    {
      register: ({ request }: ServerUnaryCall<RegisterRequest, Empty>, answer: sendUnaryData<Empty>) => {
        register(request).then(
          () => answer(null, {}),
          (error: Error) => {
            env.log.warn('Cannot take a device plug-in', { resource: request.resourceName, error });
            answer({ code: status.UNKNOWN, details: error.message });
          },
        );
      },
    },
    env,
  );

  return {
    keeps,
    amounts: () => amountsOf(pools),
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    lacks: (pod) => asksOf(pod, keeps).some((ask) => isUnmet(ask, grants)),
    async give(pod, signal) {
      try {
        await giveAll(asksOf(pod, keeps), pod, signal);
        return undefined;
      } catch (error) {
        grants = withoutPod(grants, pod.metadata.uid);
        signal.throwIfAborted();
        const because = error instanceof Error ? error.message : String(error);
        const message = `Allocate failed due to ${because}, which is unexpected`;
        return { reason: 'UnexpectedAdmissionError', message };
      }
    },
    async ready(pod, container, signal) {
      const asks = asksOf(pod, keeps).filter((ask) => ask.container === container);
      // The plug-in may have come after the pod.
      if (asks.some((ask) => isUnmet(ask, grants))) await giveAll(asks, pod, signal);
      const own = grantsOf(grants, pod.metadata.uid, container);
      for (const { resource, devices } of own) {
        const plugin = plugins.get(resource)?.plugin;
        if (!plugin?.options.preStartRequired) continue;
        await attempt('device plugin PreStartContainer rpc failed with err: ', signal, () =>
          plugin.preStart(devices, signal),
        );
      }
      const { conflicts, cdiNames, ...needs } = mergeGrants(own);
      if (conflicts.length > 0) {
        env.log.warn('Device plug-ins contradict each other', { pod: pod.metadata.name, container, conflicts });
      }
      return cdiNames.length === 0 ? needs : { ...needs, cdi: await changesOfCdi(cdiNames) };
    },
    release(uid) {
      grants = withoutPod(grants, uid);
      trySave();
    },
    keepOnly(keeps) {
      grants = grants.filter(({ uid }) => keeps(uid));
      trySave();
    },
    view: () => ({ pools, grants }),
    stop() {
      cancelTelling?.();
      for (const cancel of forgetting.values()) cancel();
      server.close();
      for (const { plugin } of plugins.values()) plugin?.close();
    },
  };
}

/** Turns a plug-in's refusal into a DeviceError. */
async function attempt<T>(saying: string, signal: AbortSignal, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    signal.throwIfAborted();
    const because = error instanceof Error ? error.message : String(error);
    throw new DeviceError(`${saying}${because}`, { cause: error });
  }
}
