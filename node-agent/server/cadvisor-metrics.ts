/** What containers, pods and the machine use in Prometheus' text format, with the names and labels of cAdvisor in a kubelet. Pure. */
import { numberText, seriesText } from '#lib/metrics/text.ts';
import type { CgroupUsage, InterfaceUsage, PressureTime, PressureUsage } from '../runtime/types.ts';
import type { Machine } from '../node/machine.ts';
import { cadvisorFamilies } from './cadvisor-families.ts';
import type { CadvisorName } from './cadvisor-families.ts';
import type { Readings } from './readings.ts';

/** Whose series they are: a container's, a pod's (no container), or a cgroup's above (neither). */
interface Owner {
  container: string;
  id: string;
  image: string;
  name: string;
  namespace: string;
  pod: string;
}

export type MachineIds = Pick<Machine, 'machineId' | 'systemUuid' | 'bootId'>;

/** One page. */
export function cadvisorMetrics({ at, node, together, nodeFs, pods }: Readings, machine: MachineIds): string {
  const lines = new Map<CadvisorName, string[]>(
    Object.keys(cadvisorFamilies).map((name) => [name as CadvisorName, []]),
  );
  const add = (name: CadvisorName, labels: object, value: number, timed = true) => {
    const text = numberText(value);
    const series = seriesText(name, Object.keys(labels), Object.values(labels), timed ? `${text} ${at}` : text);
    lines.get(name)!.push(series);
  };
  const addUsage = (owner: Owner, usage: CgroupUsage, startedAt: number | undefined) => {
    add('container_cpu_usage_seconds_total', { ...owner, cpu: 'total' }, usage.cpuNanoseconds / 1e9);
    if (usage.throttling) {
      add('container_cpu_cfs_periods_total', owner, usage.throttling.periods);
      add('container_cpu_cfs_throttled_periods_total', owner, usage.throttling.throttledPeriods);
      add('container_cpu_cfs_throttled_seconds_total', owner, usage.throttling.throttledNanoseconds / 1e9);
    }
    add('container_memory_usage_bytes', owner, usage.memoryBytes);
    add('container_memory_working_set_bytes', owner, usage.workingSetBytes);
    add('container_memory_rss', owner, usage.rssBytes);
    add('container_memory_cache', owner, usage.cacheBytes);
    add('container_memory_swap', owner, usage.swapBytes);
    const failures = { pgfault: usage.pageFaults, pgmajfault: usage.majorPageFaults };
    for (const [type, count] of Object.entries(failures))
      add('container_memory_failures_total', { ...owner, failure_type: type, scope: 'hierarchy' }, count);
    add('container_spec_memory_limit_bytes', owner, usage.memoryLimitBytes ?? 0);
    add('container_processes', owner, usage.pids);
    add('container_last_seen', owner, Math.floor(at / 1000));
    if (startedAt !== undefined) add('container_start_time_seconds', owner, Math.floor(startedAt / 1000));
    const { cpu, memory, io } = usage.pressure ?? {};
    addPressure('cpu', owner, cpu);
    addPressure('memory', owner, memory);
    addPressure('io', owner, io);
  };
  const addPressure = (resource: 'cpu' | 'memory' | 'io', owner: Owner, pressure: PressureUsage | undefined) => {
    if (!pressure) return;
    const seconds = ({ total }: PressureTime) => total / 1e6;
    add(`container_pressure_${resource}_stalled_seconds_total`, owner, seconds(pressure.full));
    add(`container_pressure_${resource}_waiting_seconds_total`, owner, seconds(pressure.some));
  };
  const addInterfaces = (owner: Owner, interfaces: readonly InterfaceUsage[]) => {
    for (const each of interfaces) {
      const labels = { ...owner, interface: each.name };
      add('container_network_receive_bytes_total', labels, each.rxBytes);
      add('container_network_receive_packets_total', labels, each.rxPackets);
      add('container_network_receive_errors_total', labels, each.rxErrors);
      add('container_network_receive_packets_dropped_total', labels, each.rxDropped);
      add('container_network_transmit_bytes_total', labels, each.txBytes);
      add('container_network_transmit_packets_total', labels, each.txPackets);
      add('container_network_transmit_errors_total', labels, each.txErrors);
      add('container_network_transmit_packets_dropped_total', labels, each.txDropped);
    }
  };

  const root = ownerOf('/');
  addUsage(root, node.whole, undefined);
  addInterfaces(root, node.interfaces);
  add('container_fs_usage_bytes', { ...root, device: '' }, nodeFs.capacityBytes - nodeFs.availableBytes);
  add('container_fs_limit_bytes', { ...root, device: '' }, nodeFs.capacityBytes);
  addUsage(ownerOf(together.cgroup), together.whole, undefined);
  for (const { observed, usage, disk } of pods) {
    const { name, namespace, createdAt } = observed;
    const ofPod = ownerOf(usage.cgroup, { namespace, pod: name });
    addUsage(ofPod, usage.whole, createdAt);
    addInterfaces(ofPod, usage.interfaces);
    for (const container of usage.containers) {
      const run = observed.containers.find(({ id }) => id === container.id);
      const owner = {
        ...ofPod,
        container: container.name,
        id: `${usage.cgroup}/${container.id}`,
        image: run?.image ?? '',
        name: container.id,
      };
      addUsage(owner, container, run?.startedAt);
      const layer = disk?.containers.get(container.name)?.rootfs;
      if (layer) add('container_fs_usage_bytes', { ...owner, device: '' }, layer.bytes);
    }
  }
  add('container_scrape_error', {}, 0, false);
  const ids = { boot_id: machine.bootId, machine_id: machine.machineId, system_uuid: machine.systemUuid };
  add('machine_cpu_cores', ids, node.cpus, false);
  add('machine_memory_bytes', ids, node.memoryTotalBytes, false);
  add('machine_swap_bytes', ids, node.swapTotalBytes, false);
  return [...lines]
    .filter(([, series]) => series.length > 0)
    .map(([name, series]) => {
      const [type, help] = cadvisorFamilies[name];
      return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${series.join('\n')}\n`;
    })
    .join('');
}

function ownerOf(id: string, more: Partial<Owner> = {}): Owner {
  return { container: '', id, image: '', name: '', namespace: '', pod: '', ...more };
}
