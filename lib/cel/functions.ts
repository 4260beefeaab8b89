/** The functions that Kubernetes adds to CEL, as upstream's `apiserver/pkg/cel/library`, by the signatures that CEL knows them by. */
import { isCidr, isIP, isIPv4 } from '#lib/meta/addresses.ts';
import { equal } from '#lib/meta/equal.ts';
import { parseQuantity } from '#lib/meta/quantities.ts';
import { findAll } from './pattern.ts';
import { covers } from '#lib/meta/blocks.ts';

/** An amount, in billionths. */
export class Quantity {
  readonly billionths: bigint;
  constructor(billionths: bigint) {
    this.billionths = billionths;
  }
}

/** An address. */
export class Address {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** A block of addresses. */
export class Block {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** A parsed URL. */
export class Link {
  readonly url: URL;
  constructor(text: string) {
    this.url = new URL(text, 'none:');
  }
}

/** What `sets.contains()` and the like are called on. */
export class Sets {
  readonly name = 'sets';
}

type Handler = (...values: never[]) => unknown;
type Scalar = bigint | number | string;

const billion = 1_000_000_000n;
const compare = (a: bigint, b: bigint) => (a < b ? -1n : a > b ? 1n : 0n);
const amountOf = (value: Quantity | bigint) => (value instanceof Quantity ? value.billionths : value * billion);
const holds = (list: readonly unknown[], item: unknown) => list.some((other) => same(other, item));
const within = (list: readonly unknown[], all: readonly unknown[]) => all.every((item) => holds(list, item));

/** Whole numbers and others are equal where their values are. */
function same(a: unknown, b: unknown): boolean {
  if (typeof a !== typeof b) return isNumber(a) && isNumber(b) && Number(a) === Number(b);
  return typeof a === 'object' ? equal(a, b) : a === b;
}

const isNumber = (value: unknown) => typeof value === 'bigint' || typeof value === 'number';

function canRead(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}

function extreme(list: readonly Scalar[], isBetter: (a: Scalar, b: Scalar) => boolean, name: string): Scalar {
  const [first, ...rest] = list;
  if (first === undefined) throw new RangeError(`${name} called on empty list`);
  return rest.reduce((best, item) => (isBetter(item, best) ? item : best), first);
}

function sum(list: readonly (bigint | number)[]): bigint | number {
  if (list.length === 0) return 0n;
  return typeof list[0] === 'bigint'
    ? (list as bigint[]).reduce((total, item) => total + item, 0n)
    : (list as number[]).reduce((total, item) => total + item, 0);
}

function placed(index: number): bigint {
  return BigInt(index);
}

function addressOf(text: string): Address {
  if (!isIP(text)) throw new TypeError(`IP Address ${JSON.stringify(text)} parse error`);
  return new Address(text);
}

function blockOf(text: string): Block {
  if (!isCidr(text)) throw new TypeError(`network address parse error: ${JSON.stringify(text)}`);
  return new Block(text);
}

/** The block of one address alone. */
const wholeBlock = (address: string) => `${address}/${isIPv4(address) ? 32 : 128}`;

function lengthOf({ text }: Block): bigint {
  return BigInt(text.slice(text.indexOf('/') + 1));
}

const urlOf = (text: string) => new Link(text);
const isUrl = (text: string) => URL.canParse(text) || /^\/(?!\/)/.test(text);

export const functions: Readonly<Record<string, Handler>> = {
  'list.isSorted(): bool': (list: readonly Scalar[]) => list.every((item, i) => i === 0 || list[i - 1]! <= item),
  'list.sum(): dyn': sum,
  'list.min(): dyn': (list: readonly Scalar[]) => extreme(list, (a, b) => a < b, 'min'),
  'list.max(): dyn': (list: readonly Scalar[]) => extreme(list, (a, b) => a > b, 'max'),
  'list.indexOf(dyn): int': (list: readonly unknown[], item: unknown) =>
    placed(list.findIndex((other) => same(other, item))),
  'list.lastIndexOf(dyn): int': (list: readonly unknown[], item: unknown) =>
    placed(list.findLastIndex((other) => same(other, item))),

  'string.charAt(int): string': (text: string, at: bigint) => Array.from(text)[Number(at)] ?? '',
  'string.replace(string, string): string': (text: string, from: string, to: string) => text.replaceAll(from, () => to),
  'string.replace(string, string, int): string': (text: string, from: string, to: string, most: bigint) => {
    const parts = text.split(from);
    const count = most < 0n ? parts.length - 1 : Math.min(Number(most), parts.length - 1);
    return [...parts.slice(0, count).map((part) => part + to), parts.slice(count).join(from)].join('');
  },
  'string.reverse(): string': (text: string) => Array.from(text).reverse().join(''),
  'string.find(string): string': (text: string, pattern: string) => findAll(pattern, text, 1)[0] ?? '',
  'string.findAll(string): list': (text: string, pattern: string) => findAll(pattern, text),
  'string.findAll(string, int): list': (text: string, pattern: string, most: bigint) =>
    findAll(pattern, text, Number(most)),

  'Sets.contains(list, list): bool': (_: Sets, a: readonly unknown[], b: readonly unknown[]) => within(a, b),
  'Sets.equivalent(list, list): bool': (_: Sets, a: readonly unknown[], b: readonly unknown[]) =>
    within(a, b) && within(b, a),
  'Sets.intersects(list, list): bool': (_: Sets, a: readonly unknown[], b: readonly unknown[]) =>
    b.some((item) => holds(a, item)),

  'quantity(string): Quantity': (text: string) => new Quantity(parseQuantity(text)),
  'isQuantity(string): bool': (text: string) => canRead(() => parseQuantity(text)),
  'Quantity.isGreaterThan(Quantity): bool': (a: Quantity, b: Quantity) => a.billionths > b.billionths,
  'Quantity.isLessThan(Quantity): bool': (a: Quantity, b: Quantity) => a.billionths < b.billionths,
  'Quantity.compareTo(Quantity): int': (a: Quantity, b: Quantity) => compare(a.billionths, b.billionths),
  'Quantity.isInteger(): bool': ({ billionths }: Quantity) => billionths % billion === 0n,
  'Quantity.asInteger(): int': ({ billionths }: Quantity) => {
    if (billionths % billion !== 0n) throw new TypeError('cannot convert value to integer');
    return billionths / billion;
  },
  'Quantity.asApproximateFloat(): double': ({ billionths }: Quantity) => Number(billionths) / Number(billion),
  'Quantity.sign(): int': ({ billionths }: Quantity) => compare(billionths, 0n),
  'Quantity.add(Quantity): Quantity': (a: Quantity, b: Quantity) => new Quantity(a.billionths + amountOf(b)),
  'Quantity.add(int): Quantity': (a: Quantity, b: bigint) => new Quantity(a.billionths + amountOf(b)),
  'Quantity.sub(Quantity): Quantity': (a: Quantity, b: Quantity) => new Quantity(a.billionths - amountOf(b)),
  'Quantity.sub(int): Quantity': (a: Quantity, b: bigint) => new Quantity(a.billionths - amountOf(b)),

  'ip(string): Address': addressOf,
  'isIP(string): bool': (text: string) => isIP(text),
  'Address.family(): int': ({ text }: Address) => (isIPv4(text) ? 4n : 6n),
  'cidr(string): Block': blockOf,
  'isCIDR(string): bool': (text: string) => isCidr(text),
  'Block.prefixLength(): int': lengthOf,
  'Block.ip(): Address': ({ text }: Block) => new Address(text.slice(0, text.indexOf('/'))),
  'Block.containsIP(string): bool': (block: Block, text: string) =>
    covers(block.text, wholeBlock(addressOf(text).text)),
  'Block.containsIP(Address): bool': (block: Block, { text }: Address) => covers(block.text, wholeBlock(text)),
  'Block.containsCIDR(string): bool': (block: Block, text: string) => covers(block.text, blockOf(text).text),
  'Block.containsCIDR(Block): bool': (block: Block, { text }: Block) => covers(block.text, text),

  'url(string): Link': (text: string) => {
    if (!isUrl(text)) throw new TypeError(`URL parse error during conversion from string: ${JSON.stringify(text)}`);
    return urlOf(text);
  },
  'isURL(string): bool': isUrl,
  'Link.getScheme(): string': ({ url }: Link) => (url.protocol === 'none:' ? '' : url.protocol.slice(0, -1)),
  'Link.getHost(): string': ({ url }: Link) => url.host,
  'Link.getHostname(): string': ({ url }: Link) => url.hostname.replace(/^\[(.*)\]$/, '$1'),
  'Link.getPort(): string': ({ url }: Link) => url.port,
  'Link.getEscapedPath(): string': ({ url }: Link) => url.pathname,
  'Link.getQuery(): map': ({ url }: Link) => {
    const names = [...new Set(url.searchParams.keys())];
    return Object.fromEntries(names.map((name) => [name, url.searchParams.getAll(name)]));
  },
};
