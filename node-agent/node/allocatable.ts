/** What of a machine pods may use: what there is without what is kept back. Pure. */
import { formatQuantity, parseQuantity } from '#lib/meta/quantities.ts';
import { unitsIn } from '../eviction/types.ts';
import type { Threshold } from '../eviction/types.ts';
import { sharesOf } from '../runtime/shares.ts';
import { hugePageName } from '../runtime/huge-page-name.ts';
import type { CgroupResources } from '../runtime/types.ts';
import type { Machine } from './machine.ts';

/** Quantities by resource: `cpu`, `memory`, `ephemeral-storage`, huge pages and, for the number of processes, `pid`. */
export type Reservation = Readonly<Record<string, string>>;

export interface ReservedParts {
  maxPods: number;
  /** For what runs the node's pods, and for everything else on the machine. */
  kubeReserved?: Reservation;
  systemReserved?: Reservation;
  /** Hard ones keep back what would be freed again at once. */
  thresholds: readonly Threshold[];
}

export interface NodeResources {
  capacity: Record<string, string>;
  allocatable: Record<string, string>;
  /** What the cgroup of all pods is held to: the reservations, as what is kept for evictions may be used until then. */
  podsLimit: CgroupResources & { memoryLimitBytes: number };
}

/** As upstream. */
export const defaultMaxPods = 110;

const billion = 1_000_000_000n;
const hugePages = 'hugepages-';
const decimals = new Set(['cpu', 'pods']);

/** Upstream's arithmetic (`pkg/kubelet/cm/node_container_manager_linux.go`). Throws an Error when more is kept back than there is. */
export function nodeResources(machine: Machine, parts: ReservedParts): NodeResources {
  const capacity: Record<string, bigint> = {
    cpu: BigInt(machine.cpus) * billion,
    'ephemeral-storage': BigInt(machine.storageBytes) * billion,
    ...Object.fromEntries(
      machine.hugePages.map(({ bytes, pages }) => [
        `${hugePages}${hugePageName(bytes)}`,
        BigInt(bytes) * BigInt(pages) * billion,
      ]),
    ),
    memory: BigInt(machine.memoryBytes) * billion,
    pods: BigInt(parts.maxPods) * billion,
  };
  const evicting = reservedForEviction(machine, parts.thresholds);
  const reserved = (name: string) => quantity(parts.kubeReserved, name) + quantity(parts.systemReserved, name);
  const left = (name: string) => capacity[name]! - reserved(name) - (evicting[name] ?? 0n);
  const faults = Object.keys(capacity)
    .filter((name) => left(name) < 0n)
    .map(
      (name) =>
        `Resource "${name}" has an allocatable of ${text(name, left(name))}, capacity of ${text(name, capacity[name]!)}`,
    );
  if (faults.length > 0) throw new Error(`invalid Node Allocatable configuration. ${faults.join(' ')}`);
  const texts = (amount: (name: string) => bigint) =>
    Object.fromEntries(Object.keys(capacity).map((name) => [name, text(name, amount(name))]));
  const pids = reserved('pid');
  const pages = Object.keys(capacity).filter((name) => name.startsWith(hugePages));
  // Memory that is set aside as huge pages serves nobody as ordinary memory.
  const aside = pages.reduce((sum, name) => sum + capacity[name]!, 0n);
  const ordinary = left('memory') - aside;
  return {
    capacity: texts((name) => capacity[name]!),
    allocatable: texts((name) => (name !== 'memory' ? left(name) : ordinary > 0n ? ordinary : 0n)),
    podsLimit: {
      cpuShares: sharesOf(Number((capacity['cpu']! - reserved('cpu')) / 1_000_000n)),
      memoryLimitBytes: Number((capacity['memory']! - reserved('memory')) / billion),
      ...(pages.length > 0 && {
        hugePages: Object.fromEntries(
          pages.map((name) => [name.slice(hugePages.length), Number((capacity[name]! - reserved(name)) / billion)]),
        ),
      }),
      ...(pids > 0n && { pidsLimit: Math.max(1, machine.maxPids - Number(pids / billion)) }),
    },
  };
}

function reservedForEviction(machine: Machine, thresholds: readonly Threshold[]): Record<string, bigint> {
  const keep = (signal: string, capacity: number) => {
    const threshold = thresholds.find((each) => each.signal === signal && each.graceMs === 0);
    return threshold ? BigInt(unitsIn(threshold.value, capacity)) * billion : 0n;
  };
  return {
    memory: keep('memory.available', machine.memoryBytes),
    'ephemeral-storage': keep('nodefs.available', machine.storageBytes),
  };
}

function quantity(reservation: Reservation = {}, name: string): bigint {
  return parseQuantity(reservation[name] ?? '0');
}

function text(name: string, amount: bigint): string {
  return formatQuantity(amount, decimals.has(name) ? 'decimal' : 'binary');
}
