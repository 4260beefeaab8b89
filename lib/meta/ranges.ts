/** Blocks of IPv4 addresses, and ranges of numbers, by offset: 1 is the first that may be given away. */

export interface Range {
  /** How many can be given away. */
  readonly size: number;
  /** Where it begins: the address of the network, which is not given away, or the first number. */
  readonly base: string;
  /** The item at this offset, from 1 to `size`. */
  at(offset: number): string;
  includes(item: string): boolean;
  toString(): string;
}

/** The addresses of a block but for the first and the last, which name the network and everyone in it. Throws for anything but an IPv4 block. */
export function addressRange(cidr: string): Range {
  const match = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/.exec(cidr);
  const bits = Number(match?.[2]);
  if (!match || bits > 30) throw new Error(`Cannot use ${cidr}: not an IPv4 block of at least two addresses`);
  const total = 2 ** (32 - bits);
  const base = Math.floor(toNumber(match[1]!) / total) * total;
  return {
    size: total - 2,
    base: toAddress(base),
    at: (offset) => toAddress(base + offset),
    includes: (item) => /^\d+\.\d+\.\d+\.\d+$/.test(item) && toNumber(item) > base && toNumber(item) < base + total - 1,
    toString: () => cidr,
  };
}

/** The whole numbers of `low-high`. */
export function numberRange(text: string): Range {
  const match = /^(\d+)-(\d+)$/.exec(text);
  const [low, high] = [Number(match?.[1]), Number(match?.[2])];
  if (!match || low > high) throw new Error(`Cannot use ${text}: not a range of numbers`);
  return {
    size: high - low + 1,
    base: String(low),
    at: (offset) => String(low + offset - 1),
    includes: (item) => Number(item) >= low && Number(item) <= high,
    toString: () => text,
  };
}

function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function toAddress(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}
