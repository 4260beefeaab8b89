/** The processors that no container gets for itself: those that are named, or as many as are kept back from pods. Pure. */
import { millisOf } from '#lib/meta/quantities.ts';
import type { NodeAgentConfig } from '../config.ts';
import { formatProcessors, parseProcessors, takeProcessors } from './take.ts';
import type { Processor } from './take.ts';

type ReservedConfig = Pick<NodeAgentConfig, 'kubeReserved' | 'systemReserved' | 'reservedCpus'>;

/** Throws an Error when none is kept back, as upstream: everything else would have nowhere to run; or for one that the machine does not have. */
export function reservedProcessors(
  machine: readonly Processor[],
  { kubeReserved, systemReserved, reservedCpus }: ReservedConfig,
): number[] {
  if (reservedCpus !== undefined) return named(machine, reservedCpus);
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

function named(machine: readonly Processor[], text: string): number[] {
  const ids = parseProcessors(text);
  if (ids.length > 0 && ids.every((id) => machine.some((each) => each.id === id))) return ids;
  throw new Error(
    `Cannot keep processors ${text} back: the machine has ${formatProcessors(machine.map(({ id }) => id))}`,
  );
}
