/** Limits of input and output, which Kubernetes has no fields for: annotations of a pod say them. Pure. */
import { parseQuantity, QuantityError } from '#lib/meta/quantities.ts';

/** Limits of all containers of a pod together. */
export const ioOfPod = 'io.wherry.local/pod';
/** Before a container's name: limits of that one. */
export const ioOfContainer = 'container.io.wherry.local/';

/** Bytes and operations in a second, read and written; what is absent is not limited. */
export interface IoRates {
  rbps?: number;
  wbps?: number;
  riops?: number;
  wiops?: number;
}

export interface IoLimits {
  /** By block device: `/dev/vdb`, `254:0`, or '' for the one that the node keeps its pods' files on. */
  devices: readonly (IoRates & { device: string })[];
  /** The share among those who want the disk at the same time, 1 to 10000; everybody's is 100. */
  weight?: number;
}

const rates = ['rbps', 'wbps', 'riops', 'wiops'] as const;
const leastWeight = 1;
const mostWeight = 10_000;
const mostDevices = 16;
const billion = 1_000_000_000n;

/** A value of these annotations cannot be understood; the message says why. */
export class IoLimitsError extends Error {
  override readonly name = 'IoLimitsError';
}

/**
 * Parses `wbps=10Mi riops=200; /dev/vdb rbps=1Mi; weight=200`: clauses that each may begin with a device, and give rates as whole quantities. Throws
 * IoLimitsError.
 */
export function parseIoLimits(text: string): IoLimits {
  const devices: (IoRates & { device: string })[] = [];
  let weight: number | undefined;
  for (const clause of text.split(';')) {
    const words = clause.split(/\s+/).filter((word) => word !== '');
    const device = words[0]?.includes('=') === false ? readDevice(words.shift()!) : '';
    if (words.length === 0) throw new IoLimitsError('each clause must set something, as in "wbps=10Mi"');
    const found: IoRates = {};
    for (const word of words) {
      const [, key = '', value = ''] = /^([a-z]+)=(.+)$/.exec(word) ?? [];
      if (key === 'weight') {
        if (device !== '') throw new IoLimitsError('weight holds for all devices, and stands in a clause without one');
        if (weight !== undefined) throw new IoLimitsError('weight is set twice');
        weight = whole(key, value, leastWeight, mostWeight);
      } else if (isRate(key)) {
        if (found[key] !== undefined) throw new IoLimitsError(`${key} is set twice for one device`);
        found[key] = whole(key, value, 1, Number.MAX_SAFE_INTEGER);
      } else {
        throw new IoLimitsError(`"${word}" is none of ${rates.join('=, ')}=, weight=`);
      }
    }
    if (Object.keys(found).length === 0) continue;
    if (devices.some((each) => each.device === device)) {
      throw new IoLimitsError(device === '' ? 'two clauses without a device' : `${device} stands in two clauses`);
    }
    devices.push({ device, ...found });
  }
  if (devices.length > mostDevices) throw new IoLimitsError(`more than ${mostDevices} devices`);
  return { devices, ...(weight !== undefined && { weight }) };
}

/** What a pod's annotations say of it as a whole, or of one of its containers. Throws IoLimitsError. */
export function ioLimitsOf(
  { annotations = {} }: { annotations?: Readonly<Record<string, string>> | undefined },
  container?: string,
): IoLimits | undefined {
  const key = container === undefined ? ioOfPod : `${ioOfContainer}${container}`;
  return Object.hasOwn(annotations, key) ? parseIoLimits(annotations[key]!) : undefined;
}

function isRate(key: string): key is (typeof rates)[number] {
  return (rates as readonly string[]).includes(key);
}

function readDevice(word: string): string {
  if (!/^\/dev\/[\w./-]+$/.test(word) && !/^\d{1,10}:\d{1,10}$/.test(word)) {
    throw new IoLimitsError(`"${word}" is neither a device as /dev/vdb or 254:0, nor a setting as wbps=10Mi`);
  }
  if (word.split('/').includes('..')) throw new IoLimitsError(`"${word}" leads out of /dev`);
  return word;
}

function whole(key: string, text: string, least: number, most: number): number {
  try {
    const amount = parseQuantity(text);
    if (amount % billion === 0n && amount >= BigInt(least) * billion && amount <= BigInt(most) * billion) {
      return Number(amount / billion);
    }
  } catch (error) {
    if (!(error instanceof QuantityError)) throw error;
  }
  throw new IoLimitsError(`${key} must be a whole number from ${least} to ${most}, not "${text}"`);
}
