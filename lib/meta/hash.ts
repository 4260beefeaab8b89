/** Hashes that appear in names, as `pod-template-hash` and controller revisions do. */
import { nameAlphabet } from './names.ts';

/** FNV-1a with 32 bits over the text's UTF-8 bytes. */
export function fnv32a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/** Digits of a number through the alphabet of generated names, so that no word appears by accident (upstream's SafeEncodeString). */
export function safeEncode(text: string): string {
  return Array.from(text, (character) => nameAlphabet[character.codePointAt(0)! % nameAlphabet.length]).join('');
}

/**
 * A short name for an object's contents: equal JSON values, in whatever order their keys stand, have equal hashes. A collision is
 * told apart by hashing again with `collisionCount`.
 */
export function hashOf(value: unknown, collisionCount?: number): string {
  const text = sortedJson(value) + (collisionCount === undefined ? '' : `/${collisionCount}`);
  return safeEncode(String(fnv32a(text)));
}

function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}
