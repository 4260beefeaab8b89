/** Signal names as image configs write them. */
import { constants } from 'node:os';

const firstRealTime = 34;
const lastRealTime = 64;

/** The number of `SIGTERM`, `term`, `15` or `SIGRTMIN+3`; SIGTERM's for '' and anything unknown. */
export function signalNumber(text: string): number {
  const name = text.trim().toUpperCase().replace(/^SIG/, '');
  const realTime = /^RT(MIN|MAX)([+-]\d+)?$/.exec(name);
  const known = constants.signals[`SIG${name}` as NodeJS.Signals] as number | undefined;
  const value = realTime
    ? (realTime[1] === 'MIN' ? firstRealTime : lastRealTime) + Number(realTime[2] ?? 0)
    : (known ?? Number(name));
  return Number.isInteger(value) && value >= 1 && value <= lastRealTime ? value : constants.signals.SIGTERM;
}
