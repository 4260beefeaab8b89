/** Reads values of JSON as Go does into a type of its own: unknown fields are faults, the case of names does not count, and null says nothing. Pure. */

/** Takes a value, and where it is, for faults. */
export type Reader<T> = (value: unknown, at: string) => T;

export function isSaid(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** Of a record every field is read, also one that is not there. Throws an Error for what is no record, or has other fields. */
export function record<T extends object>(readers: { [Name in keyof Required<T>]: Reader<T[Name]> }): Reader<T> {
  const entries = Object.entries(readers) as [string, Reader<unknown>][];
  const names = new Map(entries.map(([name]) => [name.toLowerCase(), name]));
  return (value, at) => {
    const given: unknown = value ?? {};
    if (typeof given !== 'object' || given === null || Array.isArray(given)) throw fault(at, 'must be an object');
    const said = new Map<string, unknown>();
    for (const [key, each] of Object.entries(given)) {
      const name = names.get(key.toLowerCase());
      if (name === undefined) throw fault(at, `unknown field ${JSON.stringify(key)}`);
      said.set(name, each);
    }
    return Object.fromEntries(
      entries.map(([name, read]) => [name, read(said.get(name), at === '' ? name : `${at}.${name}`)]),
    ) as T;
  };
}

/** Of what is not there, an empty list. */
export function listOf<T>(read: Reader<T>): Reader<T[]> {
  return (value, at) => {
    if (!isSaid(value)) return [];
    if (!Array.isArray(value)) throw fault(at, 'must be a list');
    return value.map((each, i) => read(each, `${at}[${i}]`));
  };
}

export const string: Reader<string | undefined> = (value, at) => {
  if (!isSaid(value)) return undefined;
  if (typeof value !== 'string') throw fault(at, 'must be a string');
  return value;
};

/** A string, empty where there is none. */
export const text: Reader<string> = (value, at) => string(value, at) ?? '';

export const stringMap: Reader<Record<string, string>> = (value, at) => {
  const given: unknown = value ?? {};
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw fault(at, 'must be an object');
  return Object.fromEntries(Object.entries(given).map(([key, each]) => [key, text(each, `${at}.${key}`)]));
};

/** A whole number from 0 on. */
export function number({ most = Number.MAX_SAFE_INTEGER }: { most?: number }): Reader<number | undefined> {
  return (value, at) => {
    if (!isSaid(value)) return undefined;
    if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > most) {
      throw fault(at, `must be a whole number from 0 to ${most}`);
    }
    return value as number;
  };
}

export const anything: Reader<unknown> = (value) => value;

function fault(at: string, message: string): Error {
  return new Error(at === '' ? message : `${at}: ${message}`);
}
