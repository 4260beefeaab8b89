/** Whether this machine can be a node with some settings. */
import { readProcessors } from '../cpus/machine.ts';
import { reservedProcessors } from '../cpus/reserved.ts';
import { evictionSettings } from '../eviction/settings.ts';
import { defaultMaxPods, nodeResources } from '../node/allocatable.ts';
import { readMachine } from '../node/machine.ts';
import type { NodeSettings } from './fields.ts';

/** Rejects as an agent with these settings would when it starts: more is kept back than the machine has, or nothing where something must be. */
export async function demandPossible(settings: NodeSettings, stateDir: string): Promise<void> {
  const { maxPods = defaultMaxPods, kubeReserved = {}, systemReserved = {}, eviction, cpuManagerPolicy } = settings;
  const { thresholds } = evictionSettings(eviction);
  nodeResources(await readMachine(stateDir), { maxPods, kubeReserved, systemReserved, thresholds });
  if (cpuManagerPolicy === 'static') reservedProcessors(readProcessors(), settings);
}
