/** Arithmetic on the IPv4 range of a node's pods. */

/** A node's range as numbers. The first usable address is the gateway's; the network and broadcast addresses are nobody's. */
export interface AddressPool {
  gateway: string;
  prefixLength: number;
  /** First and last address a pod may get, as numbers. */
  first: number;
  last: number;
}

/** Reads `a.b.c.d/n`. Throws on anything that is not an IPv4 range with room for at least one pod. */
export function parsePool(cidr: string): AddressPool {
  const [base, length, ...rest] = cidr.split('/');
  const prefixLength = Number(length);
  if (rest.length > 0 || base === undefined || !Number.isInteger(prefixLength) || prefixLength < 8 || prefixLength > 30)
    throw new Error(`Cannot use pod range "${cidr}": expected an IPv4 range from /8 to /30`);
  const size = 2 ** (32 - prefixLength);
  const network = Math.floor(toNumber(base) / size) * size;
  return { gateway: toText(network + 1), prefixLength, first: network + 2, last: network + size - 2 };
}

/** The addresses pods may get, each once, starting after `previous` and wrapping: a freed address rests as long as possible. */
export function* candidates(pool: AddressPool, previous: string | undefined): Generator<string> {
  const count = pool.last - pool.first + 1;
  const last = previous === undefined ? pool.last : toNumber(previous);
  const start = last < pool.first || last >= pool.last ? pool.first : last + 1;
  for (let step = 0; step < count; step++) yield toText(pool.first + ((start - pool.first + step) % count));
}

/** A locally administered MAC address that follows from the IP address, so that neighbours' caches stay right when an address is used again. */
export function macOf(address: string): string {
  return ['0a', '58', ...address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'))].join(':');
}

function toNumber(address: string): number {
  const parts = address.split('.').map(Number);
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255))
    throw new Error(`Cannot read address "${address}": expected a dotted IPv4 address`);
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

function toText(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}
