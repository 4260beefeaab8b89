/** Moves running containers to the processors they may use. */
import { podCgroup } from './cgroups.ts';
import type { Workshop } from './workshop.ts';

/** Throws the kernel's error when it does not take one, after all others have been moved. */
export function pinContainers(shop: Workshop, cpusOf: (uid: string, container: string) => string): void {
  const faults: unknown[] = [];
  for (const { record: pod, containers } of shop.pods.values()) {
    for (const { record, exit } of containers.values()) {
      if (!record.started || exit) continue;
      const value = cpusOf(record.podUid, record.name);
      try {
        const cgroup = `${podCgroup(shop.cgroupRoot, pod.spec)}/${record.id}`;
        shop.cgroups.apply(cgroup, [{ controller: 'cpuset', file: 'cpuset.cpus', value }]);
      } catch (error) {
        // What has just ended needs no processors.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') faults.push(error);
      }
    }
  }
  if (faults.length > 0) throw faults[0];
}
