/** What is in the volumes behind PersistentVolumeClaims, under a kubelet's names. */
import type { Reading, Registry } from '#lib/metrics/registry.ts';
import type { Pods } from '../lifecycle/pods.ts';
import type { DiskUsage } from './disk-usage.ts';
import type { VolumeUse } from './volume-usage.ts';

const labels = ['namespace', 'persistentvolumeclaim'];

const gauges: Readonly<Record<string, [help: string, read: (volume: VolumeUse) => number | undefined]>> = {
  available_bytes: ['Number of available bytes in the volume', ({ space }) => space?.availableBytes],
  capacity_bytes: ['Capacity in bytes of the volume', ({ space }) => space?.capacityBytes],
  used_bytes: ['Number of used bytes in the volume', ({ use }) => use?.bytes],
  inodes: ['Maximum number of inodes in the volume', ({ space }) => space?.inodes],
  inodes_free: ['Number of free inodes in the volume', ({ space }) => space?.inodesFree],
  inodes_used: ['Number of used inodes in the volume', ({ use }) => use?.inodes],
  health_status_abnormal: [
    'Abnormal volume health status. The count is either 1 or 0. 1 indicates the volume is unhealthy, 0 indicates volume is healthy',
    ({ space }) => (space ? 0 : 1),
  ],
};

/** Adds the metrics; the disk is measured beside the scrapes, so the first of them tells nothing yet. */
export function measureClaims(registry: Registry, pods: Pick<Pods, 'all'>, disks: DiskUsage): void {
  for (const [name, [help, read]] of Object.entries(gauges)) {
    registry.reading('gauge', `kubelet_volume_stats_${name}`, `[ALPHA] ${help}`, labels, () => {
      const all = pods.all();
      const measured = disks.latest(all);
      // Several pods may have the same claim.
      const told = new Map<string, Reading>();
      for (const { pod } of all) {
        for (const volume of (pod && measured.get(pod.metadata.uid)?.volumes) ?? []) {
          const value = read(volume);
          if (volume.claim === undefined || value === undefined) continue;
          const { namespace = '' } = pod!.metadata;
          told.set(`${namespace}/${volume.claim}`, [[namespace, volume.claim], value]);
        }
      }
      return told.values();
    });
  }
}
