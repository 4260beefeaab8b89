/** From a parsed body to an object of a kind. */
import type { Kind } from '#lib/kinds/define-kind.ts';
import { decodeAs, decodeObject as decodeStructure } from '#lib/kinds/structure.ts';
import { copy } from '#lib/meta/equal.ts';
import type { Resource } from '#lib/meta/object.ts';
import type { WriteOptions } from './types.ts';

/** The body as an object of this kind. What the schema does not know is refused, or noted as a warning, as the options say. */
export function decodeObject(kind: Kind, body: unknown, { fieldValidation, notes }: WriteOptions): Resource {
  // Decoding takes its argument over, and a body may be decoded again for a retry.
  const { object, warnings } = decodeStructure(kind, copy(body), fieldValidation);
  if (notes) notes.warnings = warnings;
  return object;
}

/** A body that is of no stored kind, such as DeleteOptions. */
export function decodeBody<T>(type: { apiVersion: string; kind: string; schema: string }, body: unknown): T {
  const value = copy(body);
  decodeAs(type, value, 'Ignore');
  return value as T;
}
