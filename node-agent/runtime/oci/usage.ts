/** What the pods of this runtime use: their cgroups, and their interfaces as one of their processes sees them. */
import { parseInterfaces } from '../kernel-text.ts';
import type { ContainerUsage, PodUsage } from '../types.ts';
import { podCgroup } from './cgroups.ts';
import { readProc, runsIn } from './process-table.ts';
import type { PodEntry, Workshop } from './workshop.ts';

/** Of the containers that run. */
export function containersUsage({ cgroups, cgroupRoot }: Workshop, pod: PodEntry): ContainerUsage[] {
  const cgroup = podCgroup(cgroupRoot, pod.record.spec);
  return running(pod).map(({ id, name }) => ({ id, name, ...cgroups.usage(`${cgroup}/${id}`) }));
}

/** Of the whole pod. */
export function podUsage(shop: Workshop, pod: PodEntry): PodUsage {
  const { spec } = pod.record;
  const cgroup = podCgroup(shop.cgroupRoot, spec);
  // A process id may be somebody else's by now.
  const member = running(pod).find(({ id, started }) => runsIn(started!.pid, id));
  return {
    cgroup,
    whole: shop.cgroups.usage(cgroup),
    containers: containersUsage(shop, pod),
    interfaces: member && !spec.hostNetwork ? parseInterfaces(readProc(member.started!.pid, 'net/dev')) : [],
  };
}

function running(pod: PodEntry) {
  return [...pod.containers.values()].filter(({ record, exit }) => record.started && !exit).map(({ record }) => record);
}
