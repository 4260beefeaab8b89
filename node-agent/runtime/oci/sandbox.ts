/** Makes and removes what a pod's containers share: cgroup, namespaces, network, files. */
import { chmodSync, chownSync, existsSync, mkdirSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { demandCommand, runCommand } from '#lib/env/command.ts';
import { removeFolder } from '#lib/env/remove-folder.ts';
import type { PodCommands } from '../../network/pod-network.ts';
import type { SandboxSpec } from '../types.ts';
import { freeIds } from '../user-ids.ts';
import type { UserIds } from '../user-ids.ts';
import { resolveIo } from './block-devices.ts';
import { keptMemory, podCgroup, podsCgroup, tierCgroup, tierShares } from './cgroups.ts';
import { podFolders, userNamespaceProgram } from './folders.ts';
import { mountsBelow } from './mount-table.ts';
import { hostsWithPod } from './observe.ts';
import { renderPause } from './pause.ts';
import { readPidFile, runsIn } from './process-table.ts';
import { writeRecord } from './records.ts';
import type { PodRecord } from './records.ts';
import { insideScript, pauseScript, removeSandboxScript, sandboxScript, scriptNames } from './scripts.ts';
import { settingsOf } from './sysctls.ts';
import type { PodEntry, Workshop } from './workshop.ts';

const namespaceFileSystem = 0x6e736673;

/** Whether everything of the sandbox stands. */
export function sandboxStands(shop: Workshop, { record }: PodEntry): boolean {
  if (record.phase !== 'ready' || record.bootId !== shop.host.bootId) return false;
  const { pins } = podFolders(shop.folders, record.spec.uid);
  return (
    pinsOf(record.spec).every((pin) => {
      const file = path.join(pins, pin);
      return existsSync(file) && statfsSync(file).type === namespaceFileSystem;
    }) &&
    (!record.spec.shareProcessNamespace || holderRuns(shop, record.spec))
  );
}

/** Makes the sandbox, replacing what may be left of an earlier one. Rejects leaving at most what removeSandbox() finds. */
export async function makeSandbox(shop: Workshop, spec: SandboxSpec, signal: AbortSignal): Promise<PodEntry> {
  const { uid } = spec;
  const before = shop.pods.get(uid);
  const folders = podFolders(shop.folders, uid);
  // Found out before anything is made: what cannot be, or is not there, must not leave half a pod behind.
  refuseUsers(shop, spec);
  settingsOf(spec);
  const io = spec.resources.io && resolveIo(spec.resources.io, shop.folders.pods, shop.dialect);
  if (!spec.hostNetwork) await shop.network.prepareNode();
  signal.throwIfAborted();
  const wires = spec.hostNetwork ? undefined : shop.network.wire(uid);
  // What is left of the pod's containers belongs to the ids it had.
  const userIds = spec.hostUsers ? undefined : (before?.record.userIds ?? claimIds(shop));
  const record: PodRecord = {
    spec,
    createdAt: shop.env.now(),
    bootId: shop.host.bootId,
    address: wires?.address ?? '',
    nodeInterface: wires?.nodeInterface ?? '',
    ...(userIds && { userIds }),
    phase: 'making',
  };
  mkdirSync(folders.containers, { recursive: true, mode: 0o700 });
  writeRecord(folders.record, record);
  const entry: PodEntry = { record, containers: before?.containers ?? new Map() };
  shop.pods.set(uid, entry);
  if (before || existsSync(folders.pins)) await removeKernelObjects(shop, record);
  mkdirSync(folders.pins, { recursive: true });
  weighTier(shop, spec.qos);
  shop.cgroups.make(podCgroup(shop.cgroupRoot, spec), { hugePages: {}, ...spec.resources, ...(io && { io }) });
  // Both to their ends, whatever becomes of the other: what goes on behind the caller's back would be made of a pod that is being removed.
  const made = await Promise.allSettled([
    makeNamespaces(record, folders.pins, wires),
    spec.hostNetwork ? undefined : shop.network.publish(uid, spec.ports),
  ]);
  for (const part of made) if (part.status === 'rejected') throw part.reason;
  // What is memory is there now to hold them.
  makeShared(folders.shm, record);
  mkdirSync(folders.etc);
  writeEtc(folders.etc, record);
  if (spec.shareProcessNamespace) await startHolder(shop, record);
  record.phase = 'ready';
  writeRecord(folders.record, record);
  return entry;
}

/**
 * Removes the sandbox and its record; its containers must be gone. Everything is looked up anew, so that it works for half a sandbox too. Rejects when something resists, and
 * may then be called again.
 */
export async function removeSandbox(shop: Workshop, record: PodRecord): Promise<void> {
  const { uid } = record.spec;
  const folders = podFolders(shop.folders, uid);
  await removeKernelObjects(shop, record);
  if (!record.spec.hostNetwork) await shop.network.release(uid);
  const stuck = mountsBelow(folders.pins, folders.state);
  if (stuck.length > 0) throw new Error(`Cannot remove pod ${uid}: still mounted: ${stuck.join(', ')}`);
  await removeFolder(folders.pins);
  await removeCgroup(shop, podCgroup(shop.cgroupRoot, record.spec));
  // The record goes last: until then a new start finds the pod and goes on.
  await removeFolder(folders.state);
  shop.pods.delete(uid);
  weighTier(shop, record.spec.qos);
}

/** Removes a pod's cgroup, killing what is in it. Killed processes leave when they please, so this tries for a while. */
export async function removeCgroup(shop: Workshop, cgroup: string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    shop.cgroups.kill(cgroup);
    if (shop.cgroups.remove(cgroup)) return;
    await shop.env.sleep(20);
  }
  throw new Error(`Cannot remove cgroup ${cgroup}: processes in it do not end`);
}

/** Gives the pods of a class, and all together, what they ask for. */
export function weighTier(shop: Workshop, qos: SandboxSpec['qos']): void {
  const pods = [...shop.pods.values()].map(({ record }) => record.spec);
  shop.cgroups.make(podsCgroup(shop.cgroupRoot), { memoryLowBytes: keptMemory(pods) });
  const tier = tierCgroup(shop.cgroupRoot, qos);
  if (tier === undefined) return;
  shop.cgroups.make(tier, { cpuShares: tierShares(qos, pods), memoryLowBytes: keptMemory(pods, qos) });
}

function pinsOf(spec: SandboxSpec): string[] {
  return [
    ...(spec.hostNetwork ? [] : ['net']),
    ...(spec.hostIpc ? [] : ['ipc']),
    'uts',
    ...(spec.shareProcessNamespace ? ['pid'] : []),
    ...(spec.hostUsers ? [] : ['user']),
  ];
}

/** Those that are made with the sandbox, beside that of its users. */
function kindsOf(spec: SandboxSpec): string[] {
  return pinsOf(spec).filter((pin) => pin !== 'pid' && pin !== 'user');
}

/** Throws for users of its own that a pod cannot have: upstream's sentence, and why. */
function refuseUsers({ features }: Workshop, spec: SandboxSpec): void {
  if (spec.hostUsers) return;
  if (features.noUserNamespaces !== undefined)
    throw new Error(
      `can't set \`spec.hostUsers: false\`, runtime does not support user namespaces: ${features.noUserNamespaces}`,
    );
  if (spec.hostNetwork || spec.hostPid || spec.hostIpc)
    throw new Error("can't set `spec.hostUsers: false` for a pod on the node's network, processes or shared memory");
}

function claimIds({ pods, userIds }: Workshop): UserIds {
  const taken = [...pods.values()].flatMap(({ record }) => record.userIds ?? []);
  const ids = freeIds(taken, userIds.pool, userIds.previous);
  if (!ids) throw new Error("can't allocate user namespace: could not find an empty slot to allocate a user namespace");
  userIds.previous = ids;
  return ids;
}

async function makeNamespaces(
  { spec, userIds }: PodRecord,
  pins: string,
  wires: PodCommands | undefined,
): Promise<void> {
  await demandCommand('set up the pod sandbox', 'sh', [
    '-c',
    sandboxScript,
    scriptNames.sandbox,
    spec.uid,
    pins,
    kindsOf(spec).join(' '),
    insideScript,
    spec.hostname,
    spec.domainname,
    settingsOf(spec, userIds).join('\n'),
    wires?.inside ?? '',
    wires?.outside ?? '',
    ...(userIds ? [userNamespaceProgram, String(userIds.first), String(userIds.count)] : ['', '', '']),
  ]);
}

/** What the containers see as /dev/shm: anybody in the pod may write there. */
function makeShared(folder: string, { userIds }: PodRecord): void {
  mkdirSync(folder);
  if (userIds) chownSync(folder, userIds.first, userIds.first);
  chmodSync(folder, 0o1777);
}

function writeEtc(folder: string, { spec, address, userIds }: PodRecord): void {
  const { resolvConf, hosts, hostNetwork, hostname, domainname } = spec;
  const files = {
    'resolv.conf': resolvConf,
    hostname: `${hostname}\n`,
    hosts: hostNetwork ? hosts : hostsWithPod(hosts, address, hostname, domainname),
  };
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(folder, name);
    writeFileSync(file, text);
    if (userIds) chownSync(file, userIds.first, userIds.first);
  }
}

async function startHolder(shop: Workshop, { spec, userIds }: PodRecord): Promise<void> {
  const folders = podFolders(shop.folders, spec.uid);
  const cgroup = `${podCgroup(shop.cgroupRoot, spec)}/pause`;
  for (const name of ['dev', 'proc', 'bin']) mkdirSync(path.join(folders.pause, 'rootfs', name), { recursive: true });
  writeFileSync(path.join(folders.pause, 'rootfs/bin/busybox'), '');
  writeFileSync(
    path.join(folders.pause, 'config.json'),
    JSON.stringify(renderPause(spec, folders.pins, cgroup, shop.host.leastOomScoreAdj, userIds)),
  );
  await demandCommand('start the holder of the shared process namespace', 'sh', [
    '-c',
    pauseScript,
    scriptNames.sandbox,
    spec.uid,
    folders.pins,
    shop.programs.crun,
    shop.folders.crun,
    holderId(spec.uid),
  ]);
}

function holderId(uid: string): string {
  return `pause-${uid}`;
}

function holderRuns(shop: Workshop, spec: SandboxSpec): boolean {
  const pid = readPidFile(path.join(podFolders(shop.folders, spec.uid).pause, 'pid'));
  return pid !== undefined && runsIn(pid, `pod${spec.uid}/pause`);
}

async function removeKernelObjects(shop: Workshop, record: PodRecord): Promise<void> {
  const { uid, shareProcessNamespace } = record.spec;
  await runCommand('sh', [
    '-c',
    removeSandboxScript,
    scriptNames.sandbox,
    uid,
    shop.programs.crun,
    shop.folders.crun,
    podFolders(shop.folders, uid).pins,
    shareProcessNamespace ? holderId(uid) : '',
    record.nodeInterface,
  ]);
}
