/** After a start: reads the records, adopts what runs, and clears away what was only half made or half removed. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { runCommand } from '#lib/env/command.ts';
import { removeContainers } from './containers.ts';
import { containerFolders, podFolders } from './folders.ts';
import { mountsBelow } from './mount-table.ts';
import { readPidFile, scriptProcesses, signalProcess } from './process-table.ts';
import { readRecord, writeRecord } from './records.ts';
import type { ContainerRecord, PodRecord } from './records.ts';
import { removeCgroup } from './sandbox.ts';
import { scriptNames } from './scripts.ts';
import type { PodEntry, Workshop } from './workshop.ts';

/** A script that was running when its node agent died ends by itself within this, or is killed. */
const scriptLimitMs = 10_000;
const sigkill = 9;

/** Fills `shop.pods`. Rejects when the leftovers of an earlier life resist. */
export async function recover(shop: Workshop): Promise<void> {
  const { folders } = shop;
  for (const folder of [folders.pods, folders.sandboxes, folders.crun, folders.exec])
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  await keepMountsPrivate(folders.sandboxes);
  for (const uid of readdirSync(folders.pods)) await recoverPod(shop, uid);
  for (const uid of readdirSync(folders.sandboxes)) if (!shop.pods.has(uid)) await clearSandbox(shop, uid);
  await clearCgroups(shop);
  clearFiles(shop);
  const networked = [...shop.pods.values()].filter(({ record }) => !record.spec.hostNetwork);
  await shop.network.reconcile(new Map(networked.map(({ record }) => [record.spec.uid, record.spec.ports])));
}

async function recoverPod(shop: Workshop, uid: string): Promise<void> {
  const folders = podFolders(shop.folders, uid);
  const record = readRecord<PodRecord>(folders.record);
  if (record?.phase !== 'ready') await waitForScripts(shop, scriptNames.sandbox, uid);
  // Without its record a pod has nothing yet but a folder.
  if (!record) return await rm(folders.state, { recursive: true, force: true });
  const pod: PodEntry = { record, containers: new Map() };
  shop.pods.set(uid, pod);
  const ids = existsSync(folders.containers) ? readdirSync(folders.containers) : [];
  const halfMade: string[] = [];
  for (const id of ids) {
    const container = await recoverContainer(shop, uid, id);
    if (container) pod.containers.set(id, { record: container });
    else halfMade.push(id);
  }
  await removeContainers(shop, pod, halfMade);
}

/** The container's record if its program was started; undefined when it never was. */
async function recoverContainer(shop: Workshop, uid: string, id: string): Promise<ContainerRecord | undefined> {
  const folders = containerFolders(shop.folders, uid, id);
  const record = readRecord<ContainerRecord>(folders.record);
  if (!record || record.started) return record;
  if (record.bootId === shop.host.bootId) await waitForScripts(shop, scriptNames.container, id);
  // Died between starting the program and noting it: running it again would be running it twice. It may have ended already, before conmon has come to tell.
  const pid = readPidFile(folders.pid);
  if (pid === undefined || existsSync(folders.waiting)) return undefined;
  // What crun kept went with the machine's start.
  if (record.bootId !== shop.host.bootId && !shop.exits.read(id)) return undefined;
  record.started = { at: Math.floor(statSync(folders.pid).mtimeMs), pid };
  writeRecord(folders.record, record);
  return record;
}

async function waitForScripts(shop: Workshop, name: string, about: string): Promise<void> {
  const deadline = shop.env.monotonic() + scriptLimitMs;
  for (;;) {
    const running = scriptProcesses(name, about);
    if (running.length === 0) return;
    if (shop.env.monotonic() > deadline) for (const pid of running) signalProcess(pid, sigkill);
    await shop.env.sleep(20);
  }
}

/** Mounts below this folder concern nobody else: containers that follow the node's mounts are not to hold them. */
async function keepMountsPrivate(folder: string): Promise<void> {
  const points = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const isMounted = points.some((line) => line.split(' ')[4] === folder);
  const script = `${isMounted ? '' : 'mount --bind "$1" "$1" && '}mount --make-rprivate "$1"`;
  const { exitCode, stderr } = await runCommand('sh', ['-c', script, 'sh', folder]);
  if (exitCode !== 0) throw new Error(`Cannot keep the mounts below ${folder} private: ${stderr.trim()}`);
}

async function clearSandbox(shop: Workshop, uid: string): Promise<void> {
  const { pins } = podFolders(shop.folders, uid);
  const points = mountsBelow(pins);
  if (points.length > 0) await runCommand('umount', ['--lazy', ...points]);
  if (mountsBelow(pins).length > 0) throw new Error(`Cannot clear the remains of pod ${uid}: still mounted`);
  await rm(pins, { recursive: true, force: true });
}

async function clearCgroups(shop: Workshop): Promise<void> {
  for (const tier of ['/kubepods', '/kubepods/burstable', '/kubepods/besteffort']) {
    for (const name of shop.cgroups.children(`${shop.cgroupRoot}${tier}`)) {
      if (name.startsWith('pod') && !shop.pods.has(name.slice('pod'.length)))
        await removeCgroup(shop, `${shop.cgroupRoot}${tier}/${name}`);
    }
  }
}

/** Exit codes of nobody's containers, and files of commands whose agent is gone. */
function clearFiles({ folders, pods }: Workshop): void {
  const known = new Set([...pods.values()].flatMap(({ containers }) => [...containers.keys()]));
  for (const name of readdirSync(folders.exits)) if (!known.has(name)) rmSync(path.join(folders.exits, name));
  for (const name of readdirSync(folders.exec)) rmSync(path.join(folders.exec, name));
}
