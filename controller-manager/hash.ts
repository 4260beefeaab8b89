/** Short names for the content of a pod template. */
import { nameAlphabet } from '#lib/meta/names.ts';

/** A 32-bit FNV-1a hash of a JSON value, whatever the order of its keys, written in the alphabet of generated names. */
export function hashOf(value: unknown, collisionCount = 0): string {
  let text = canonical(value);
  if (collisionCount > 0) text += `#${collisionCount}`;
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ (text.charCodeAt(i) & 0xff), 0x01000193);
    if (text.charCodeAt(i) > 0xff) hash = Math.imul(hash ^ (text.charCodeAt(i) >>> 8), 0x01000193);
  }
  return Array.from(String(hash >>> 0), (digit) => nameAlphabet[digit.charCodeAt(0) % nameAlphabet.length]).join('');
}

function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  fields.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`).join(',')}}`;
}
