/** Processors as the kernel's first cgroups count them, by the kubelet's formula. */

/** The least there is: who asks for nothing. */
export const leastShares = 2;
const mostShares = 262_144;
const sharesOfProcessor = 1024;

/** Thousandths of a processor as shares. */
export function sharesOf(milliCpu: number): number {
  return Math.min(mostShares, Math.max(leastShares, Math.floor((milliCpu * sharesOfProcessor) / 1000)));
}
