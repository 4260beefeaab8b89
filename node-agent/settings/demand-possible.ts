/** Whether this machine can be a node with some settings. */
import { readProcessors } from '../cpus/machine.ts';
import { reservedProcessors } from '../cpus/reserved.ts';
import { evictionSettings } from '../eviction/settings.ts';
import { defaultMaxPods, nodeResources } from '../node/allocatable.ts';
import { readMachine } from '../node/machine.ts';
import { demandLxcfs, usualLxcfs } from '../runtime/oci/lxcfs.ts';
import type { NodeSettings } from './fields.ts';

/**
 * Rejects as an agent with these settings would when it starts: more is kept back than the machine has, nothing where something must be, or a program is missing. `place` is
 * any folder on the disk that the node's state is on.
 */
export async function demandPossible(settings: NodeSettings, place: string, lxcfs = usualLxcfs): Promise<void> {
  const { maxPods = defaultMaxPods, kubeReserved = {}, systemReserved = {}, eviction, cpuManagerPolicy } = settings;
  const { thresholds } = evictionSettings(eviction);
  nodeResources(await readMachine(place), { maxPods, kubeReserved, systemReserved, thresholds });
  if (cpuManagerPolicy === 'static') reservedProcessors(readProcessors(), settings);
  if (settings.honestProc) demandLxcfs(lxcfs);
}
