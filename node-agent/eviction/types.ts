/** What may run short on a node, by upstream's names (`pkg/kubelet/eviction/api`). */

export type Signal =
  | 'memory.available'
  /** What is left below the limit that all pods share; follows the hard threshold of `memory.available`. */
  | 'allocatableMemory.available'
  | 'nodefs.available'
  | 'nodefs.inodesFree'
  | 'imagefs.available'
  | 'imagefs.inodesFree'
  | 'pid.available';

/** An amount, or a share of what there is. */
export type Amount = { units: number } | { share: number };

/** Below `value` the node is short; pods go when it has been for `graceMs`, which is 0 for a hard threshold. */
export interface Threshold {
  signal: Signal;
  value: Amount;
  graceMs: number;
  /** So much more than the value must be free before the shortage counts as over. */
  minReclaim?: Amount;
}

/** Bytes, inodes or processes. */
export interface Observation {
  available: number;
  capacity: number;
}

/** What could be observed; a signal that this machine does not have is missing. */
export type Observations = Partial<Record<Signal, Observation>>;

export type PressureCondition = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure';

/** The resource that users know, for each signal. */
export const resourceOf = {
  'memory.available': 'memory',
  'allocatableMemory.available': 'memory',
  'nodefs.available': 'ephemeral-storage',
  'nodefs.inodesFree': 'inodes',
  'imagefs.available': 'ephemeral-storage',
  'imagefs.inodesFree': 'inodes',
  'pid.available': 'pids',
} as const satisfies Record<Signal, string>;

export type StarvedResource = (typeof resourceOf)[Signal];

/** The condition of the node that tells of a shortage. */
export const conditionOfResource = {
  memory: 'MemoryPressure',
  'ephemeral-storage': 'DiskPressure',
  inodes: 'DiskPressure',
  pids: 'PIDPressure',
} as const satisfies Record<StarvedResource, PressureCondition>;

/** An amount in units, of what there is. */
export function unitsIn(amount: Amount, capacity: number): number {
  return 'units' in amount ? amount.units : Math.floor(capacity * amount.share);
}
