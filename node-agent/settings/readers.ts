/** Values of a configuration file as typed ones. Each reader throws an Error that says what the value must be. Pure. */
import { parseGoDuration } from '#lib/meta/go-duration.ts';
import { parseQuantity, QuantityError } from '#lib/meta/quantities.ts';

/** What a reader complains of; undefined when it does not. */
export function faultOf(read: () => unknown): string | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

export function readTruth(value: unknown): boolean {
  if (typeof value !== 'boolean') throw new Error('must be true or false');
  return value;
}

export function readText(value: unknown): string {
  if (typeof value !== 'string') throw new Error('must be a string');
  return value;
}

export function readWhole(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new Error('must be a whole number');
  return value;
}

/** One that is no less than `least` and no more than `most`. */
export function readWholeBetween(value: unknown, least: number, most = Infinity): number {
  const number = readWhole(value);
  if (number >= least && number <= most) return number;
  throw new Error(
    most === Infinity ? `must not be less than ${least}` : `must be between ${least} and ${most}, inclusive`,
  );
}

export function readFraction(value: unknown): number {
  if (typeof value !== 'number' || !(value > 0 && value <= 1))
    throw new Error('must be greater than 0 and no more than 1');
  return value;
}

/** One of some words. */
export function readWord<W extends string>(value: unknown, words: readonly W[]): W {
  const word = words.find((each) => each === value);
  if (word === undefined) throw new Error(`must be one of ${words.map((each) => `"${each}"`).join(', ')}`);
  return word;
}

/** In milliseconds; Go's way of writing, as `1m30s`. */
export function readDuration(value: unknown): number {
  const parsed = parseGoDuration(readText(value));
  if ('fault' in parsed) throw new Error(parsed.fault);
  if (parsed.ms < 0) throw new Error('must not be negative');
  return parsed.ms;
}

/** The quantity as it is written; positive. */
export function readQuantity(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : readText(value);
  try {
    if (parseQuantity(text) >= 0n) return text;
  } catch (error) {
    if (error instanceof QuantityError) throw new Error(error.message, { cause: error });
    throw error;
  }
  throw new Error('must not be negative');
}

export function readMap(value: unknown): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('must be a map');
  return Object.entries(value);
}

/** A map of which each value is read alike; faults say which one they are about. */
export function readMapOf<V>(value: unknown, read: (value: unknown, key: string) => V): Record<string, V> {
  return Object.fromEntries(
    readMap(value).map(([key, inner]) => {
      try {
        return [key, read(inner, key)];
      } catch (error) {
        throw new Error(`[${key}]: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }
    }),
  );
}

export function readTexts(value: unknown): string[] {
  if (!Array.isArray(value)) throw new Error('must be a list');
  return value.map(readText);
}
