/** The processors that no container gets for itself: as many as are kept back from pods. Pure. */
import { millisOf } from '#lib/meta/quantities.ts';
import type { NodeAgentConfig } from '../config.ts';
import { takeProcessors } from './take.ts';
import type { Processor } from './take.ts';

/** Throws an Error when none is kept back, as upstream: everything else would have nowhere to run. */
export function reservedProcessors(
  machine: readonly Processor[],
  { kubeReserved, systemReserved }: Pick<NodeAgentConfig, 'kubeReserved' | 'systemReserved'>,
): number[] {
  const millis = [kubeReserved, systemReserved].reduce((sum, each) => sum + millisOf(each?.['cpu'] ?? 0), 0);
  const all = new Set(machine.map(({ id }) => id));
  const reserved = millis > 0 ? takeProcessors(machine, all, Math.ceil(millis / 1000)) : undefined;
  if (!reserved) {
    throw new Error(
      'invalid cpuManagerPolicy: the static policy requires kubeReserved.cpu + systemReserved.cpu to be greater than zero, and no more than the machine has',
    );
  }
  return reserved;
}
