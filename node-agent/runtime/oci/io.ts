/** Limits of input and output in the kernel's terms. Pure. */
import type { IoLimits, IoRates } from '#lib/kinds/pod-spec/io-limits.ts';
import type { OciSpec } from './oci-types.ts';

const rates = ['rbps', 'wbps', 'riops', 'wiops'] as const;
const mostOfBfq = 1000;

/** One limit for each device: where several are given for one, the smaller rates hold, and the last weight. */
export function narrowest(all: readonly IoLimits[]): IoLimits {
  const byDevice = new Map<string, IoRates>();
  for (const { device, ...more } of all.flatMap(({ devices }) => devices)) {
    const known = byDevice.get(device) ?? {};
    const smaller = rates.map((name) => [name, Math.min(known[name] ?? Infinity, more[name] ?? Infinity)] as const);
    byDevice.set(device, Object.fromEntries(smaller.filter(([, rate]) => rate !== Infinity)));
  }
  const weight = all.findLast((each) => each.weight !== undefined)?.weight;
  return {
    devices: [...byDevice].map(([device, limits]) => ({ device, ...limits })),
    ...(weight !== undefined && { weight }),
  };
}

/** A weight as a file of cgroup v2 takes it: that of BFQ does not know the heaviest. */
export function weightText(weight: number, file: 'io.weight' | 'io.bfq.weight'): string {
  return String(file === 'io.bfq.weight' ? Math.min(weight, mostOfBfq) : weight);
}

/** The rates as crun takes them; devices must be given by their numbers. */
export function blockIo({ devices }: IoLimits): NonNullable<OciSpec['linux']['resources']['blockIO']> {
  const of = (name: keyof IoRates) =>
    devices.flatMap(({ device, ...limits }) => {
      const [major = 0, minor = 0] = device.split(':').map(Number);
      return limits[name] === undefined ? [] : [{ major, minor, rate: limits[name] }];
    });
  return {
    throttleReadBpsDevice: of('rbps'),
    throttleWriteBpsDevice: of('wbps'),
    throttleReadIOPSDevice: of('riops'),
    throttleWriteIOPSDevice: of('wiops'),
  };
}
