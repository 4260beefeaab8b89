/** Requests gone wrong: valid ones, changed at random as a broken or hostile client might. The same seed makes the same ones. */

export interface Chance {
  /** A whole number from 0 to below `limit`. */
  below(limit: number): number;
  pick<T>(list: readonly T[]): T;
  /** Whether something happens that has this probability. */
  is(probability: number): boolean;
}

/** Mulberry32: small, quick, and good enough for tests. */
export function makeChance(seed: number): Chance {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    below: (limit) => Math.floor(next() * limit),
    pick: (list) => list[Math.floor(next() * list.length)]!,
    is: (probability) => next() < probability,
  };
}

/** Bytes with a few of them changed, doubled, left out, or cut off. */
export function mutateBytes(bytes: Buffer, chance: Chance): Buffer {
  let result = Buffer.from(bytes);
  for (let times = 1 + chance.below(4); times > 0; times--) {
    const at = chance.below(result.length + 1);
    const [head, tail] = [result.subarray(0, at), result.subarray(at)];
    switch (chance.below(5)) {
      case 0:
        result = Buffer.concat([head, Buffer.from([chance.below(256)]), tail.subarray(1)]);
        break;
      case 1:
        result = Buffer.concat([head, Buffer.from([chance.below(256), chance.below(256)]), tail]);
        break;
      case 2:
        result = Buffer.concat([head, tail.subarray(1 + chance.below(4))]);
        break;
      case 3:
        result = Buffer.concat([head, head.subarray(-chance.below(40) - 1), tail]);
        break;
      default:
        result = chance.is(0.3) ? Buffer.from(head) : Buffer.concat([tail, head]);
    }
  }
  return result;
}

const deep = (levels: number): unknown => (levels === 0 ? 1 : { a: deep(levels - 1) });

/** Values where others are expected. */
const odd: readonly unknown[] = [
  null,
  true,
  '',
  'x',
  ' ',
  '\u0000',
  '\ud800',
  'é'.repeat(300),
  '../..',
  '%00',
  0,
  -1,
  1.5,
  2 ** 31,
  2 ** 63,
  -(2 ** 63),
  1e308,
  [],
  [null],
  [[]],
  [{}],
  ['a', 'a'],
  {},
  { '': '' },
  { a: null },
  { $patch: 'delete' },
  { $patch: 'replace' },
  { $patch: 5 },
  { $retainKeys: ['a', 5] },
  { '$setElementOrder/containers': [{ name: 'x' }, 5, null] },
  { '$deleteFromPrimitiveList/finalizers': ['x', {}] },
  JSON.parse('{"__proto__":{"a":1},"constructor":{"prototype":null}}'),
  deep(40),
  deep(600),
];

/** Names of fields, real and not. */
const fields = [
  'metadata',
  'name',
  'namespace',
  'labels',
  'spec',
  'status',
  'apiVersion',
  'kind',
  '$patch',
  '__proto__',
];
const more = [
  'managedFields',
  'ownerReferences',
  'finalizers',
  'containers',
  'resources',
  'selector',
  'data',
  'uid',
  '',
];

/** A JSON value with a few of its parts replaced, renamed, added or left out. */
export function mutateValue(value: unknown, chance: Chance): unknown {
  let result = structuredClone(value);
  for (let times = 1 + chance.below(3); times > 0; times--) result = mutateOnce(result, chance);
  return result;
}

function mutateOnce(value: unknown, chance: Chance): unknown {
  if (typeof value !== 'object' || value === null || chance.is(0.1)) return structuredClone(chance.pick(odd));
  const keys = Object.keys(value);
  const key = keys.length > 0 ? chance.pick(keys) : '0';
  const container = value as Record<string, unknown>;
  const set = (name: string, item: unknown) =>
    Object.defineProperty(container, name, { value: item, enumerable: true, writable: true, configurable: true });
  switch (chance.below(6)) {
    case 0:
      if (Array.isArray(value)) value.push(structuredClone(chance.pick([...value, ...odd])));
      else set(chance.pick([...fields, ...more]), structuredClone(chance.pick(odd)));
      break;
    case 1:
      if (Array.isArray(value)) value.splice(chance.below(value.length + 1), 1);
      else delete container[key];
      break;
    default:
      set(key, mutateOnce(container[key], chance));
  }
  return value;
}
