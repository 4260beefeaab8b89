/** The machine's processors, read from the kernel. */
import { readFileSync } from 'node:fs';
import { parseProcessors } from './take.ts';
import type { Processor } from './take.ts';

const folder = '/sys/devices/system/cpu';

/** Those that are switched on. Throws an Error when the kernel does not tell. */
export function readProcessors(): Processor[] {
  return parseProcessors(readFileSync(`${folder}/online`, 'utf8')).map((id) => ({
    id,
    core: topology(id, 'core_id') ?? id,
    socket: topology(id, 'physical_package_id') ?? 0,
  }));
}

/** Where the machine does not tell, each processor counts as a core of the one socket. */
function topology(id: number, file: string): number | undefined {
  try {
    const value = Number(readFileSync(`${folder}/cpu${id}/topology/${file}`, 'utf8'));
    return value >= 0 ? value : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
