/** Cutting an IPv4 block into equal networks. */

export interface Subnets {
  /** The networks from the lowest on, as `10.244.3.0/24`. */
  all(): Iterable<string>;
}

/** The networks of `maskSize` bits within `cidr`; throws for anything but an IPv4 block at least that large. */
export function subnetsOf(cidr: string, maskSize: number): Subnets {
  const block = parse(cidr);
  if (!block || maskSize < block.bits || maskSize > 30) {
    throw new Error(`Cannot cut ${cidr} into networks of /${maskSize}: not an IPv4 block of that size or larger`);
  }
  const step = 2 ** (32 - maskSize);
  const end = block.base + 2 ** (32 - block.bits);
  return {
    *all() {
      for (let base = block.base; base < end; base += step) yield `${toAddress(base)}/${maskSize}`;
    },
  };
}

function parse(cidr: string): { base: number; bits: number } | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(cidr);
  const numbers = match?.slice(1).map(Number);
  if (!numbers || numbers.slice(0, 4).some((part) => part > 255) || numbers[4]! > 32) return undefined;
  const bits = numbers[4]!;
  const size = 2 ** (32 - bits);
  const address = numbers.slice(0, 4).reduce((sum, part) => sum * 256 + part, 0);
  return { base: Math.floor(address / size) * size, bits };
}

function toAddress(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}
