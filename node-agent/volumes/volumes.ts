/** The volumes of pods: made before the sandbox, kept up to date while the pod lives, taken down after it. */
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Client } from '#lib/client/types.ts';
import type { Env } from '#lib/env/env.ts';
import type { ConfigMap, Pod, Secret, Volume } from '#lib/kinds/gen/core-v1.ts';
import type { NodeFacts } from '../lifecycle/downward.ts';
import { expand } from '../lifecycle/expansion.ts';
import type { AnyContainer } from '../lifecycle/types.ts';
import type { Mount } from '../runtime/types.ts';
import { writePayload } from './atomic-writer.ts';
import { claimedFolder, claimOf } from './claims.ts';
import { devicesOf, refuseMode } from './devices.ts';
import { emptyDir } from './empty-dir.ts';
import { hostPath } from './host-path.ts';
import { mountFileSystem, mountPoints, removeTree } from './mounts.ts';
import { giveToGroup } from './ownership.ts';
import { needsOf, payloadOf } from './payload.ts';
import type { PayloadSources } from './payload.ts';
import { makeSerial } from './serial.ts';
import { bindSubPath } from './sub-path.ts';
import { makeTokens } from './tokens.ts';

/** Volumes cannot be there yet, or never. */
export class VolumeError extends Error {
  override readonly name = 'VolumeError';
  /** One for each volume: the messages of FailedMount events. */
  readonly faults: readonly string[];

  constructor(faults: readonly [string, ...string[]], options?: ErrorOptions) {
    super(faults.join('; '), options);
    this.faults = faults;
  }
}

export interface Volumes {
  /** Makes all volumes of a pod, those that are there already left as they are. Resolves to their paths; rejects with VolumeError. */
  mount(pod: Pod, signal: AbortSignal): Promise<Record<string, string>>;
  /** The mounts of one container; subPaths are bound anew. Rejects with VolumeError. */
  mountsOf(
    pod: Pod,
    spec: AnyContainer,
    paths: Readonly<Record<string, string>>,
    env: ReadonlyMap<string, string>,
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
  /** Pods with mounted volumes, and how to cancel the refresh of their tokens. */
  const mounted = new Map<string, { pod: Pod; cancel: (() => void) | undefined }>();
  let stamps = 0;
  const serially = makeSerial();

  const diskPath = (uid: string, name: string) => path.join(podsDir, uid, 'volumes', name);
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
    await writePayload(folder, payload, { fsGroup: pod.spec.securityContext?.fsGroup, stamp });
    return folder;
  }

  async function mountOne(pod: Pod, volume: Volume): Promise<string> {
    const { uid } = pod.metadata;
    if (showsObjects(volume)) return show(pod, volume);
    if (volume.hostPath) return hostPath(volume.hostPath);
    if (claimOf(pod, volume) !== undefined) {
      const { path: folder, giveable, device = false } = await claimedFolder(client, pod, volume);
      refuseMode(pod, volume.name, device);
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
    if (!mounted.has(uid)) return;
    try {
      for (const volume of pod.spec.volumes ?? []) {
        if (showsObjects(volume)) await show(pod, volume);
      }
      planRefresh(pod);
    } catch (error) {
      env.log.warn('Cannot update volumes of pod, trying again', { pod: pod.metadata.name, error });
      mounted.get(uid)?.cancel?.();
      mounted.set(uid, { pod, cancel: env.after(refreshRetryMs, () => void refresh(mounted.get(uid)?.pod ?? pod)) });
    }
  }

  async function mountAll(pod: Pod, signal: AbortSignal): Promise<Record<string, string>> {
    hold(pod);
    const paths: Record<string, string> = {};
    const faults: string[] = [];
    const causes: unknown[] = [];
    // One that cannot be there keeps none of the others away: users want to hear of all that is missing at once.
    for (const volume of pod.spec.volumes ?? []) {
      signal.throwIfAborted();
      try {
        paths[volume.name] = await mountOne(pod, volume);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        faults.push(`MountVolume.SetUp failed for volume "${volume.name}" : ${message}`);
        causes.push(error);
      }
    }
    const [first, ...others] = faults;
    if (first !== undefined) throw new VolumeError([first, ...others], { cause: causes });
    planRefresh(pod);
    return paths;
  }

  return {
    refresh,
    mount: (pod, signal) => serially(pod.metadata.uid, () => mountAll(pod, signal)),
    async mountsOf(pod, spec, paths, env) {
      const mounts: Mount[] = [];
      for (const [i, mount] of (spec.volumeMounts ?? []).entries()) {
        const volume = pod.spec.volumes?.find(({ name }) => name === mount.name);
        const source = paths[mount.name];
        if (!volume || source === undefined) {
          throw new VolumeError([`cannot find volume "${mount.name}" to mount into container "${spec.name}"`]);
        }
        const subPath = mount.subPathExpr ? expandSubPath(mount.subPathExpr, env) : (mount.subPath ?? '');
        refuseEscape(subPath);
        const target = path.join(podsDir, pod.metadata.uid, 'subpaths', spec.name, String(i));
        mounts.push({
          source: subPath === '' ? source : await bind(source, subPath, target, mount.name, spec.name),
          target: path.posix.join('/', mount.mountPath),
          readOnly:
            (mount.readOnly ?? false) || showsObjects(volume) || (volume.persistentVolumeClaim?.readOnly ?? false),
          ...(mount.readOnly && recursions.has(mount.recursiveReadOnly) && { recursive: true }),
          propagation: propagations[mount.mountPropagation ?? 'None'],
        });
      }
      return [...mounts, ...devicesOf(pod, spec, paths)];
    },
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

const recursions = new Set<string | undefined>(['Enabled', 'IfPossible']);
const propagations = { None: 'private', HostToContainer: 'rslave', Bidirectional: 'rshared' } as const;

/** Whether a volume's files come from the API; containers may only read those. */
function showsObjects(volume: Volume): boolean {
  return (volume.configMap ?? volume.secret ?? volume.downwardAPI ?? volume.projected) !== undefined;
}

function expandSubPath(expression: string, env: ReadonlyMap<string, string>): string {
  return expand(expression, (name) => {
    const value = env.get(name);
    if (!value) throw new VolumeError([`missing value for ${name}`]);
    return value;
  });
}

function refuseEscape(subPath: string): void {
  if (path.isAbsolute(subPath)) throw new VolumeError([`error SubPath \`${subPath}\` must not be an absolute path`]);
  if (subPath.split('/').includes('..'))
    throw new VolumeError([`unable to provision SubPath \`${subPath}\`: must not contain '..'`]);
}

async function bind(
  source: string,
  subPath: string,
  target: string,
  volume: string,
  container: string,
): Promise<string> {
  try {
    return await bindSubPath(source, subPath, target);
  } catch (error) {
    const because = error instanceof Error ? `: ${error.message}` : '';
    const fault = `failed to prepare subPath for volumeMount "${volume}" of container "${container}"${because}`;
    throw new VolumeError([fault], { cause: error });
  }
}
