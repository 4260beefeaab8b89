/** Gives running containers and their pod other limits. */
import type { PodResize } from '../types.ts';
import { widest } from '../widest.ts';
import { podCgroup } from './cgroups.ts';
import { containerFolders, podFolders } from './folders.ts';
import { writeRecord } from './records.ts';
import { resizeWrites } from './resize-writes.ts';
import { weighTier } from './sandbox.ts';
import type { PodEntry, Workshop } from './workshop.ts';

/**
 * Changes the cgroups, then the records, so that a crash between leaves it to be done again. The pod is as wide as before and after while its containers change. Throws an Error
 * when a limit of memory would be below what is used and cannot be freed: the kernel would kill for it.
 */
export function resizePod(shop: Workshop, pod: PodEntry, wanted: PodResize): void {
  const { cgroups, dialect, folders } = shop;
  const { record } = pod;
  const ofPod = podCgroup(shop.cgroupRoot, record.spec);
  const before = record.spec.resources;
  const ofContainer = (id: string) => `${ofPod}/${id}`;
  const containers = wanted.containers.flatMap((change) => {
    const entry = pod.containers.get(change.id);
    return entry?.record.started && !entry.exit ? [{ ...change, record: entry.record }] : [];
  });
  demandRoom(cgroups, ofPod, wanted.pod.memoryLimitBytes, 'pod');
  for (const { id, resources } of containers) {
    demandRoom(cgroups, ofContainer(id), resources.memoryLimitBytes, 'container');
  }
  // A cgroup that nothing runs in any more still holds its pod to a quota no lower than its own.
  for (const { record: ended, exit } of pod.containers.values()) if (exit) cgroups.remove(ofContainer(ended.id));
  const between = widest(before, wanted.pod);
  cgroups.apply(ofPod, resizeWrites(before, between, { dialect, boundsSwap: false }));
  for (const { id, resources, record: each } of containers) {
    const how = { dialect, boundsSwap: shop.host.swapAccounting };
    cgroups.apply(ofContainer(id), resizeWrites(each.resources ?? {}, resources, how));
  }
  cgroups.apply(ofPod, resizeWrites(between, wanted.pod, { dialect, boundsSwap: false }));
  for (const { id, resources, asked, record: each } of containers) {
    Object.assign(each, { resources, asked });
    writeRecord(containerFolders(folders, record.spec.uid, id).record, each);
  }
  record.spec.resources = wanted.pod;
  writeRecord(podFolders(folders, record.spec.uid).record, record);
  weighTier(shop, record.spec.qos);
}

function demandRoom(
  cgroups: Workshop['cgroups'],
  cgroup: string,
  limitBytes: number | undefined,
  what: 'pod' | 'container',
): void {
  if (limitBytes === undefined || cgroups.usage(cgroup).workingSetBytes < limitBytes) return;
  throw new Error(`aborting attempt to set ${what} memory limit less than current memory usage`);
}
