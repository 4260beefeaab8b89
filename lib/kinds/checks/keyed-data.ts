/** Faults of ConfigMaps and Secrets: keys, size, and immutability. */
import { equal } from '#lib/meta/equal.ts';
import { fieldForbidden, invalid, tooLong, type FieldError } from '#lib/meta/errors.ts';
import { configKeyFaults } from './values.ts';

/** Bytes that all values may have together. */
const maxDataBytes = 1024 * 1024;

export function checkKeys(path: string, data: Readonly<Record<string, string>> | undefined): FieldError[] {
  return Object.keys(data ?? {}).flatMap((key) =>
    configKeyFaults(key).map((fault) => invalid(`${path}[${key}]`, key, fault)),
  );
}

/** A fault when the values together are too large. */
export function checkTotal(path: string, sizeBytes: number): FieldError[] {
  return sizeBytes > maxDataBytes ? [tooLong(path, maxDataBytes)] : [];
}

/** Bytes of a base64 text once decoded. */
export function decodedBytes(base64: string): number {
  const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0;
  return (base64.length / 4) * 3 - padding;
}

type Keyed = Readonly<Record<string, unknown>> & { immutable?: boolean | undefined };

/** Once immutable, always immutable, data and all. */
export function checkImmutable(now: Keyed, before: Keyed, fields: readonly string[]): FieldError[] {
  if (!before.immutable) return [];
  const faults: FieldError[] = [];
  if (!now.immutable) faults.push(fieldForbidden('immutable', 'field is immutable when `immutable` is set'));
  for (const field of fields) {
    if (!equal(now[field], before[field])) {
      faults.push(fieldForbidden(field, 'field is immutable when `immutable` is set'));
    }
  }
  return faults;
}
