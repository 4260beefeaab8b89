/** The volumes of pods: made before the sandbox, kept up to date while the pod lives, taken down after it. */
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Client } from '#lib/client/types.ts';
import type { Env } from '#lib/env/env.ts';
import type { ConfigMap, Pod, Secret, Volume } from '#lib/kinds/gen/core-v1.ts';
import type { UnpackedImage } from '../images/types.ts';
import type { NodeFacts } from '../lifecycle/downward.ts';
import type { AnyContainer } from '../lifecycle/types.ts';
import type { Mount } from '../runtime/types.ts';
import { writePayload } from './atomic-writer.ts';
import { claimedFolder, claimOf } from './claims.ts';
import { mountsOfContainer } from './container-mounts.ts';
import type { VolumePaths } from './container-mounts.ts';
import { refuseMode } from './devices.ts';
import { emptyDir } from './empty-dir.ts';
import { faultOf, VolumeError } from './failures.ts';
import { mountDevice } from './file-system.ts';
import { hostPath } from './host-path.ts';
import { mountImage } from './image-volume.ts';
import { mountFileSystem, mountPoints, removeTree } from './mounts.ts';
import { giveToGroup } from './ownership.ts';
import { needsOf, payloadOf, showsObjects } from './payload.ts';
import type { PayloadSources } from './payload.ts';
import { makeSerial } from './serial.ts';
import { makeTokens } from './tokens.ts';

export interface Volumes {
  /**
   * Makes all volumes of a pod but its images, those that are there already left as they are. Resolves to their paths; rejects with VolumeError when one or more
   * cannot be made, and has made the others.
   */
  mount(pod: Pod, signal: AbortSignal): Promise<Record<string, string>>;
  /** The mounts of one container; subPaths are bound anew. `images` are those that it mounts, by their volumes' names. Rejects with VolumeError. */
  mountsOf(
    pod: Pod,
    spec: AnyContainer,
    paths: VolumePaths,
    env: ReadonlyMap<string, string>,
    images?: Readonly<Record<string, UnpackedImage>>,
  ): Promise<Mount[]>;
  /** Brings volumes that show objects, fields or tokens up to date; nothing for a pod whose volumes are not mounted. */
  refresh(pod: Pod): Promise<void>;
  /** Takes everything of a pod down. */
  unmount(uid: string): Promise<void>;
  /** Pods that have folders here. */
  uids(): Promise<string[]>;
  stop(): void;
}

export interface VolumesOptions {
  env: Env;
  client: Client;
  /** Disk: `pods/<uid>/volumes/<name>` below. */
  stateDir: string;
  /** Memory: Secrets, tokens and the like never touch a disk. */
  runDir: string;
  objects: {
    hold(holder: string, configMaps: readonly string[], secrets: readonly string[], namespace: string): void;
    configMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
    secret(namespace: string, name: string): Promise<Secret | undefined>;
  };
  /** What the node knows of a pod for downward API volumes. */
  factsOf(uid: string): NodeFacts;
  /** What the node gives to pods. */
  memoryBytes: number;
  /** The objects that containers name in their environment: held together with those of volumes. */
  alsoNeeded(pod: Pod): { configMaps: string[]; secrets: string[] };
  /** What is wrong with volumes of a pod that runs: told once, until it is something else. */
  tell(pod: Pod, fault: string): void;
}

const refreshRetryMs = 10_000;

/** Opens the volumes of a node; one memory file system holds what all pods keep secret. */
export async function makeVolumes(options: VolumesOptions): Promise<Volumes> {
  const { env, client, objects } = options;
  const podsDir = path.join(options.stateDir, 'pods');
  const memoryDir = path.join(options.runDir, 'volumes');
  await mkdir(podsDir, { recursive: true, mode: 0o750 });
  await mkdir(memoryDir, { recursive: true, mode: 0o750 });
  if (!(await mountPoints()).includes(memoryDir)) await mountFileSystem('tmpfs', memoryDir, 'mode=0750');
  const tokens = makeTokens(client, env);
  /** Pods with mounted volumes, how to cancel the refresh of their tokens, and what was told of them last. */
  const mounted = new Map<string, { pod: Pod; cancel: (() => void) | undefined; told?: string }>();
  let stamps = 0;
  const serially = makeSerial();

  const diskPath = (uid: string, name: string) => path.join(podsDir, uid, 'volumes', name);
  /** What writes to shown files and what finds its way through them take turns. */
  const filesOf = (uid: string) => `files of ${uid}`;
  const memoryPath = (uid: string, name: string) => path.join(memoryDir, uid, name);

  function hold(pod: Pod): void {
    const more = options.alsoNeeded(pod);
    const needs = (pod.spec.volumes ?? []).map(needsOf);
    const configMaps = new Set([...needs.flatMap((need) => need.configMaps), ...more.configMaps]);
    const secrets = new Set([...needs.flatMap((need) => need.secrets), ...more.secrets]);
    objects.hold(pod.metadata.uid, [...configMaps], [...secrets], pod.metadata.namespace ?? '');
  }

  async function sourcesOf(pod: Pod, volume: Volume): Promise<PayloadSources> {
    const { namespace = '', uid } = pod.metadata;
    const needs = needsOf(volume);
    const entries = <T>(list: readonly string[], get: (name: string) => Promise<T>) =>
      Promise.all(list.map(async (name) => [name, await get(name)] as const));
    const maps = new Map(await entries(needs.configMaps, (name) => objects.configMap(namespace, name)));
    const hidden = new Map(await entries(needs.secrets, (name) => objects.secret(namespace, name)));
    const keyOf = (wish: { audience: string; expirationSeconds: number }) =>
      `${wish.audience}\n${wish.expirationSeconds}`;
    const fetched = new Map(
      await Promise.all(needs.tokens.map(async (wish) => [keyOf(wish), await tokens.get(pod, wish)] as const)),
    );
    return {
      configMap: (name) => maps.get(name),
      secret: (name) => hidden.get(name),
      token: (wish) => fetched.get(keyOf(wish))!,
      facts: options.factsOf(uid),
    };
  }

  async function show(pod: Pod, volume: Volume): Promise<string> {
    const { uid } = pod.metadata;
    const payload = payloadOf(pod, volume, await sourcesOf(pod, volume));
    const folder = volume.configMap ? diskPath(uid, volume.name) : memoryPath(uid, volume.name);
    const stamp = `${new Date(env.now()).toISOString().slice(0, 19).replaceAll(/[-:T]/g, '_')}.${process.pid}${++stamps}`;
    await serially(filesOf(uid), () =>
      writePayload(folder, payload, { fsGroup: pod.spec.securityContext?.fsGroup, stamp }),
    );
    return folder;
  }

  async function mountOne(pod: Pod, volume: Volume): Promise<string> {
    const { uid } = pod.metadata;
    if (showsObjects(volume)) return show(pod, volume);
    if (volume.hostPath) return hostPath(volume.hostPath);
    if (claimOf(pod, volume) !== undefined) {
      const { path: found, giveable, device = false, fileSystem } = await claimedFolder(client, pod, volume);
      refuseMode(pod, volume.name, device);
      const folder = fileSystem ? diskPath(uid, volume.name) : found;
      if (fileSystem) await serially(found, () => mountDevice(found, folder, fileSystem));
      if (giveable) await giveToPod(pod, folder);
      return folder;
    }
    if (!volume.emptyDir) throw new Error('this node has no way to mount such a volume');
    const folder = diskPath(uid, volume.name);
    await emptyDir(folder, pod, volume.emptyDir, options.memoryBytes);
    await giveToPod(pod, folder);
    return folder;
  }

  async function giveToPod(pod: Pod, folder: string): Promise<void> {
    const { fsGroup, fsGroupChangePolicy = 'Always' } = pod.spec.securityContext ?? {};
    if (fsGroup !== undefined) await giveToGroup(folder, fsGroup, fsGroupChangePolicy);
  }

  function planRefresh(pod: Pod): void {
    const { uid } = pod.metadata;
    mounted.get(uid)?.cancel?.();
    const at = tokens.refreshAt(uid);
    const again = () => void refresh(mounted.get(uid)?.pod ?? pod);
    const cancel = at === undefined ? undefined : env.after(Math.max(0, at - env.now()), again);
    mounted.set(uid, { pod, cancel });
  }

  function refresh(pod: Pod): Promise<void> {
    return mounted.has(pod.metadata.uid) ? serially(pod.metadata.uid, () => refreshNow(pod)) : Promise.resolve();
  }

  async function refreshNow(pod: Pod): Promise<void> {
    const { uid } = pod.metadata;
    const before = mounted.get(uid);
    if (!before) return;
    const faults: string[] = [];
    for (const volume of (pod.spec.volumes ?? []).filter(showsObjects)) {
      await show(pod, volume).catch((error: unknown) => faults.push(faultOf(volume.name, error, [])));
    }
    if (faults.length === 0) return planRefresh(pod);
    const told = faults.join('; ');
    if (before.told !== told) {
      env.log.warn('Cannot update volumes of pod, trying again', { pod: pod.metadata.name, faults });
      for (const fault of faults) options.tell(pod, fault);
    }
    before.cancel?.();
    const again = () => void refresh(mounted.get(uid)?.pod ?? pod);
    mounted.set(uid, { pod, cancel: env.after(refreshRetryMs, again), told });
  }

  async function mountAll(pod: Pod, signal: AbortSignal): Promise<Record<string, string>> {
    hold(pod);
    const paths: Record<string, string> = {};
    const failed: { name: string; error: unknown }[] = [];
    // One that cannot be there keeps none of the others away: users want to hear of all that is missing at once.
    for (const volume of pod.spec.volumes ?? []) {
      signal.throwIfAborted();
      // Those are brought together with the images of the containers that mount them.
      if (volume.image) continue;
      try {
        paths[volume.name] = await mountOne(pod, volume);
      } catch (error) {
        failed.push({ name: volume.name, error });
      }
    }
    const unmounted = failed.map(({ name }) => name);
    const [first, ...others] = failed.map(({ name, error }) => faultOf(name, error, unmounted));
    if (first !== undefined) throw new VolumeError([first, ...others], { cause: failed.map(({ error }) => error) });
    planRefresh(pod);
    return paths;
  }

  async function mountInto(
    pod: Pod,
    spec: AnyContainer,
    paths: VolumePaths,
    variables: ReadonlyMap<string, string>,
    images: Readonly<Record<string, UnpackedImage>>,
  ): Promise<Mount[]> {
    const podDir = path.join(podsDir, pod.metadata.uid);
    const all = { ...paths };
    for (const [name, image] of Object.entries(images)) {
      all[name] = path.join(podDir, 'images', image.id.replace(/^sha256:/, ''));
      try {
        await mountImage(image, all[name], path.join(options.stateDir, 'empty'));
      } catch (error) {
        throw new VolumeError([faultOf(name, error, [])], { cause: error });
      }
    }
    const subPathDir = path.join(podDir, 'subpaths', spec.name);
    return mountsOfContainer(pod, spec, all, variables, subPathDir).catch((error: unknown) => {
      env.log.warn('Cannot mount volumes into container', { pod: pod.metadata.name, container: spec.name, error });
      throw error;
    });
  }

  return {
    refresh,
    mount: (pod, signal) => serially(pod.metadata.uid, () => mountAll(pod, signal)),
    // An update of what a subPath leads to must not come in between; but an API that is away keeps no container from its start.
    mountsOf: (pod, spec, paths, variables, images = {}) =>
      serially(filesOf(pod.metadata.uid), () => mountInto(pod, spec, paths, variables, images)),
    unmount: (uid) =>
      serially(uid, async () => {
        mounted.get(uid)?.cancel?.();
        mounted.delete(uid);
        tokens.forget(uid);
        objects.hold(uid, [], [], '');
        await removeTree(path.join(podsDir, uid));
        await removeTree(path.join(memoryDir, uid));
      }),
    async uids() {
      return [...new Set([...(await readdir(podsDir)), ...(await readdir(memoryDir))])];
    },
    stop() {
      for (const { cancel } of mounted.values()) cancel?.();
      mounted.clear();
    },
  };
}
