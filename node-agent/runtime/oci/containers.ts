/** Starts and removes containers. */
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runCommand } from '#lib/env/command.ts';
import { removeFolder } from '#lib/env/remove-folder.ts';
import { StartError } from '../types.ts';
import type { ContainerSpec, Mount } from '../types.ts';
import type { UserIds } from '../user-ids.ts';
import { resolveIo } from './block-devices.ts';
import { boundLayer } from './bounded-layer.ts';
import { podCgroup } from './cgroups.ts';
import { conmonArguments, readReport } from './conmon.ts';
import { containerFolders, podFolders, userNamespaceProgram } from './folders.ts';
import { givenDevices, listDevices, makeNodes, openToAll } from './devices.ts';
import type { GivenDevice } from './devices.ts';
import { grantsOf } from './grants.ts';
import type { Accounts, Grants } from './grants.ts';
import { narrowest } from './io.ts';
import { showsBelow } from './mounts.ts';
import { mountsBelow, submountsOf } from './mount-table.ts';
import { overlayMount } from './overlay.ts';
import { isConmonOf, readPidFile, runsIn, signalProcess } from './process-table.ts';
import { writeRecord } from './records.ts';
import type { ContainerRecord } from './records.ts';
import { readInRoot } from './rootfs-file.ts';
import { containerScript, mountScript, removeContainersScript, scriptNames } from './scripts.ts';
import { defaultSeccomp } from './seccomp-default.ts';
import type { SeccompProfile } from './seccomp-default.ts';
import { makeSeccompPrograms } from './seccomp-programs.ts';
import { renderSpec } from './spec.ts';
import type { ContainerEntry, PodEntry, Workshop } from './workshop.ts';

const mostAccountsKept = 256;
const sigkill = 9;

/** The same for the same run, so that starting it again finds it. */
function containerId(spec: Pick<ContainerSpec, 'pod' | 'name' | 'attempt'>): string {
  return createHash('sha256').update(`${spec.pod.uid}/${spec.name}/${spec.attempt}`).digest('hex');
}

export interface ContainerStarter {
  /** Creates and starts the container in a sandbox that stands. Rejects with StartError, leaving nothing. */
  start(pod: PodEntry, spec: ContainerSpec, signal: AbortSignal): Promise<ContainerEntry>;
}

export function makeContainerStarter(shop: Workshop): ContainerStarter {
  /** The images' users; images do not change, so each is read once. */
  const accounts = new Map<string, Accounts>();
  const programs = makeSeccompPrograms(shop.folders.crun);

  async function create(pod: PodEntry, record: ContainerRecord, spec: ContainerSpec): Promise<number> {
    const folders = containerFolders(shop.folders, record.podUid, record.id);
    if (shop.boundLayers && spec.ephemeralStorageBytes) {
      const { projectQuotas } = shop.host;
      await boundLayer(record.id, folders, spec.ephemeralStorageBytes, projectQuotas).catch((error: Error) => {
        throw new StartError('CreateContainerError', `cannot bound the writable layer: ${error.message}`);
      });
    }
    const { userIds } = pod.record;
    prepareFolders(folders, spec.logPath, userIds);
    const { from, options } = overlayMount(spec.image.layers, folders.upper, folders.work);
    const users = userIds
      ? [userNamespaceProgram, `${podFolders(shop.folders, record.podUid).pins}/user`, folders.lower]
      : ['', '', ''];
    let known = accounts.get(spec.image.id);
    const mountedFirst = known === undefined;
    if (!known) {
      const args = ['-c', mountScript, scriptNames.container, record.id, from, options, folders.rootfs, ...users];
      const { exitCode, stderr } = await runCommand('sh', args);
      if (exitCode !== 0) throw new StartError('CreateContainerError', `cannot mount the image: ${stderr.trim()}`);
      known = { passwd: readInRoot(folders.rootfs, '/etc/passwd'), group: readInRoot(folders.rootfs, '/etc/group') };
      if (accounts.size >= mostAccountsKept) accounts.clear();
      accounts.set(spec.image.id, known);
    }
    const grants = grantsOf(spec, known, shop.host, userIds);
    const given = givenDevices(spec, grants.user);
    const nodes = userIds ? await makeNodes(folders.folder, given, userIds) : [];
    const oci = specOf(pod, record.id, spec, grants, given, nodes);
    writeFileSync(folders.config, JSON.stringify(oci), { mode: 0o600 });
    const conmon = conmonArguments({
      id: record.id,
      name: `${spec.pod.namespace}_${spec.pod.name}_${spec.name}`,
      bundle: folders.folder,
      crun: shop.programs.crun,
      crunRoot: shop.folders.crun,
      exits: path.dirname(folders.exit),
      logPath: spec.logPath,
      tty: spec.tty,
      stdin: spec.stdin,
      stdinOnce: spec.stdinOnce,
      ownUsers: userIds !== undefined,
    });
    const { exitCode, stdout, stderr } = await runCommand('sh', [
      '-c',
      containerScript,
      scriptNames.container,
      record.id,
      folders.folder,
      shop.programs.crun,
      shop.folders.crun,
      from,
      mountedFirst ? '' : options,
      folders.rootfs,
      ...users,
      shop.programs.conmon,
      ...conmon,
    ]);
    const said = stderr.trim() || (existsSync(folders.conmonLog) ? readFileSync(folders.conmonLog, 'utf8').trim() : '');
    if (stdout.trim() === '') throw new StartError('CreateContainerError', `cannot create the container: ${said}`);
    const pid = readReport(stdout, spec.args);
    if (exitCode !== 0) throw new StartError('RunContainerError', `cannot start the container: ${said}`);
    if (oci.linux.seccomp) programs.learn(oci.linux.seccomp, record.id);
    return pid;
  }

  function specOf(
    pod: PodEntry,
    id: string,
    spec: ContainerSpec,
    { user, capabilities, seccomp }: Grants,
    given: readonly GivenDevice[],
    nodes: Mount[],
  ) {
    const { userIds } = pod.record;
    const { privileged } = spec.security;
    const { pins, shm, etc } = podFolders(shop.folders, spec.pod.uid);
    const profile = seccomp === undefined ? undefined : profileOf(seccomp, capabilities);
    const { rootfs, termination } = containerFolders(shop.folders, spec.pod.uid, id);
    const { version } = shop.dialect;
    // v1 does not hold a cgroup to the limits of the one above: there each container has its pod's.
    const limits = [version === 'v1' ? pod.record.spec.resources.io : undefined, spec.resources.io];
    const io = narrowest(limits.filter((each) => each !== undefined));
    return renderSpec({
      dialect: shop.dialect,
      io: resolveIo(io, shop.folders.pods, shop.dialect),
      pod: pod.record.spec,
      container: spec,
      user,
      capabilities,
      seccomp: profile,
      seccompProgram: profile && programs.find(profile),
      host: shop.host,
      hostDevices: privileged ? (userIds ? openToAll(listDevices()) : listDevices()) : [],
      givenDevices: given,
      processesOf: spec.processesOf === undefined ? undefined : processesOf(pod, spec.processesOf),
      cgroup: `${podCgroup(shop.cgroupRoot, pod.record.spec)}/${id}`,
      rootfs: userIds ? path.basename(rootfs) : rootfs,
      paths: { pins, shm, etc },
      ...(userIds && {
        userIds,
        nodes,
        submounts: submountsOf(spec.mounts.filter(showsBelow).map(({ source }) => source)),
      }),
      terminationFile: termination,
      honestFolder: honestFor(pod, spec)?.source(),
    });
  }

  /** The container runs: what it sees of its limits is no reason to end it. */
  function tellOfDeadFiles(error: unknown): void {
    shop.env.log.warn('Cannot show a container its own limits', { error });
  }

  /** Who sees all of the node is shown the node's limits. */
  function honestFor(pod: PodEntry, spec: ContainerSpec) {
    return spec.security.privileged || pod.record.spec.hostPid ? undefined : shop.honest;
  }

  return {
    async start(pod, spec, signal) {
      const id = containerId(spec);
      const known = pod.containers.get(id);
      if (known?.record.started) return known;
      if (known) await removeContainers(shop, pod, [id]);
      signal.throwIfAborted();
      if (spec.args.length === 0) throw new StartError('CreateContainerError', 'no command specified');
      const honest = honestFor(pod, spec);
      const turn = honest?.turn();
      const entry: ContainerEntry = { record: { ...recordOf(shop, id, spec), ...(honest && { honest: true }) } };
      const folders = containerFolders(shop.folders, spec.pod.uid, id);
      mkdirSync(folders.folder, { recursive: true, mode: 0o700 });
      writeRecord(folders.record, entry.record);
      pod.containers.set(id, entry);
      try {
        const pid = await create(pod, entry.record, spec);
        entry.record.started = { at: shop.env.now(), pid };
        writeRecord(folders.record, entry.record);
        if (honest?.turn() !== turn) await honest?.renew().catch(tellOfDeadFiles);
        return entry;
      } catch (error) {
        await removeContainers(shop, pod, [id]);
        if (error instanceof StartError) throw error;
        throw new StartError('CreateContainerError', error instanceof Error ? error.message : String(error), {
          cause: error,
        });
      }
    },
  };
}

/** Removes containers of one pod, killing what still runs, with everything but their logs. Rejects when something resists. */
export async function removeContainers(shop: Workshop, pod: PodEntry, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  const { uid } = pod.record.spec;
  const podCgroupPath = podCgroup(shop.cgroupRoot, pod.record.spec);
  for (const id of ids) {
    // Without crun's state, the process id alone would say that the program has begun.
    if (!pod.containers.get(id)?.record.started) rmSync(containerFolders(shop.folders, uid, id).pid, { force: true });
    shop.cgroups.kill(`${podCgroupPath}/${id}`);
  }
  await runCommand('sh', [
    '-c',
    removeContainersScript,
    scriptNames.container,
    uid,
    shop.programs.crun,
    shop.folders.crun,
    podFolders(shop.folders, uid).containers,
    ...ids,
  ]);
  for (const id of ids) {
    const folders = containerFolders(shop.folders, uid, id);
    await awaitConmon(shop, id, folders.conmonPid);
    const stuck = mountsBelow(folders.folder);
    if (stuck.length > 0) throw new Error(`Cannot remove container ${id}: still mounted: ${stuck.join(', ')}`);
    shop.cgroups.remove(`${podCgroupPath}/${id}`);
    await removeFolder(folders.folder);
    shop.exits.forget(id);
    pod.containers.delete(id);
  }
}

/** Until conmon has ended it may still write into the container's folder. One that outlives its container is stuck, and killed. */
async function awaitConmon(shop: Workshop, id: string, pidFile: string): Promise<void> {
  const pid = readPidFile(pidFile);
  if (pid === undefined) return;
  for (let attempt = 0; isConmonOf(pid, id); attempt++) {
    if (attempt === 100) signalProcess(pid, sigkill);
    await shop.env.sleep(10);
  }
}

/** The namespace of a container's processes. Throws StartError unless it runs. */
function processesOf(pod: PodEntry, name: string): string {
  for (const { record, exit } of pod.containers.values()) {
    const { started, id } = record;
    // By its cgroup: the process id may be another's by now.
    if (record.name === name && started && !exit && runsIn(started.pid, id)) return `/proc/${started.pid}/ns/pid`;
  }
  throw new StartError('CreateContainerConfigError', `unable to find target container ${name}`);
}

function recordOf(shop: Workshop, id: string, spec: ContainerSpec): ContainerRecord {
  return {
    id,
    podUid: spec.pod.uid,
    name: spec.name,
    attempt: spec.attempt,
    image: spec.image.name,
    imageId: spec.image.id,
    ...(spec.image.digest !== undefined && { imageDigest: spec.image.digest }),
    createdAt: shop.env.now(),
    logPath: spec.logPath,
    stopSignal: spec.image.config.stopSignal,
    tty: spec.tty,
    stdin: spec.stdin,
    bootId: shop.host.bootId,
    resources: spec.resources,
    ...(spec.asked && { asked: spec.asked }),
  };
}

function prepareFolders(
  folders: ReturnType<typeof containerFolders>,
  logPath: string,
  userIds: UserIds | undefined,
): void {
  for (const folder of [folders.rootfs, folders.upper, folders.work]) mkdirSync(folder, { recursive: true });
  // The upper folder's mode is that of the container's `/`.
  chmodSync(folders.upper, 0o755);
  writeFileSync(folders.termination, '');
  // Whatever user the container has may leave its last words.
  chmodSync(folders.termination, 0o666);
  mkdirSync(path.dirname(logPath), { recursive: true });
  if (!userIds) return;
  mkdirSync(folders.lower, { recursive: true });
  for (const own of [folders.upper, folders.termination]) chownSync(own, userIds.first, userIds.first);
  // The pod's root must come from the bundle to the root of its file system, and need not list what else there is.
  chownSync(folders.folder, 0, userIds.first);
  chmodSync(folders.folder, 0o710);
}

function profileOf(seccomp: string, capabilities: readonly string[]): SeccompProfile {
  if (seccomp === 'RuntimeDefault') return defaultSeccomp(capabilities, process.arch);
  try {
    return JSON.parse(readFileSync(seccomp, 'utf8')) as SeccompProfile;
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const because = isMissing ? `open ${seccomp}: no such file or directory` : (error as Error).message;
    throw new StartError('CreateContainerError', `cannot load seccomp profile "${seccomp}": ${because}`, {
      cause: error,
    });
  }
}
