/** The name under which a request's writer owns fields: what it says, else what client it uses. */
import { fieldForbidden, invalid, required } from '#lib/meta/errors.ts';
import type { FieldError } from '#lib/meta/errors.ts';

/** Bytes that a name may have. */
const limitBytes = 128;

const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

/** Faults of a name that the request gives. */
export function fieldManagerFaults(name: string): FieldError[] {
  const faults: FieldError[] = [];
  if (Buffer.byteLength(name) > limitBytes) {
    const message = `Too long: may not be more than ${limitBytes} bytes`;
    faults.push({ field: 'fieldManager', reason: 'FieldValueTooLong', message });
  }
  let at = 0;
  for (const character of name) {
    if (!printable.test(character)) {
      const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
      faults.push(invalid('fieldManager', name, `invalid character U+${code} (at position ${at})`));
    }
    at += Buffer.byteLength(character);
  }
  return faults;
}

/** Faults of the options that only an apply may have, or must. */
export function applyFaults(isApply: boolean, query: URLSearchParams): FieldError[] {
  if (isApply) return query.get('fieldManager') ? [] : [required('fieldManager', 'is required for apply patch')];
  return query.has('force') ? [fieldForbidden('force', 'may not be specified for non-apply patch')] : [];
}

/** The client's name, which is what its User-Agent has before the first "/". */
export function managerOfAgent(userAgent = ''): string {
  let name = '';
  for (const character of userAgent.split('/', 1)[0]!) {
    if (!printable.test(character)) continue;
    if (Buffer.byteLength(name) + Buffer.byteLength(character) > limitBytes) break;
    name += character;
  }
  return name || 'unknown';
}
