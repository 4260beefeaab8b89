/** Texts in which the kernel tells what is used. Pure. */
import type { InterfaceUsage, PressureTime, PressureUsage } from './types.ts';

/** Parses a file of the kernel's pressure stall information; undefined when it says nothing. Older kernels say nothing of `full` for processors. */
export function parsePressure(text: string): PressureUsage | undefined {
  const some = pressureLine('some', text);
  if (!some) return undefined;
  return { some, full: pressureLine('full', text) ?? { total: 0, avg10: 0, avg60: 0, avg300: 0 } };
}

function pressureLine(what: 'some' | 'full', text: string): PressureTime | undefined {
  const pattern = new RegExp(`^${what} avg10=([\\d.]+) avg60=([\\d.]+) avg300=([\\d.]+) total=(\\d+)$`, 'm');
  const found = pattern.exec(text)?.slice(1).map(Number) as [number, number, number, number] | undefined;
  if (!found) return undefined;
  const [avg10, avg60, avg300, total] = found;
  return { total, avg10, avg60, avg300 };
}

/** Parses `/proc/<pid>/net/dev`, without the loopback. */
export function parseInterfaces(text: string): InterfaceUsage[] {
  return text.split('\n').flatMap((line) => {
    const [, name, counts] = /^\s*([^:\s]+):\s*(.+)$/.exec(line) ?? [];
    if (name === undefined || counts === undefined || name === 'lo') return [];
    const numbers = counts.trim().split(/\s+/).map(Number);
    const [rxBytes = 0, rxPackets = 0, rxErrors = 0, rxDropped = 0] = numbers;
    const [txBytes = 0, txPackets = 0, txErrors = 0, txDropped = 0] = numbers.slice(8);
    return [{ name, rxBytes, rxPackets, rxErrors, rxDropped, txBytes, txPackets, txErrors, txDropped }];
  });
}
