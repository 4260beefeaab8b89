/** From a parsed body to an object of a type. */
import type { CustomType } from '#lib/kinds/define-kind.ts';
import { decodeAs } from '#lib/kinds/structure.ts';
import { copy } from '#lib/meta/equal.ts';
import type { Resource } from '#lib/meta/object.ts';
import { checkSort } from './body-sort.ts';
import type { WriteOptions } from './types.ts';

/** What a body is read as: a kind, or a type of which nothing is stored. */
export interface ObjectType {
  readonly group: string;
  readonly apiVersion: string;
  readonly kind: string;
  /** Definition name in the schema data. */
  readonly schema: string;
  /** Instead of that, where the type is known by a schema of its own. */
  readonly custom?: CustomType | undefined;
}

/** The body as an object of this type. What the schema does not know is refused, or noted as a warning, as the options say. */
export function decodeObject(
  type: ObjectType,
  body: unknown,
  { fieldValidation, notes, duplicates }: WriteOptions,
): Resource {
  const object = ownBody(type, body);
  const warnings = decodeAs(type, object, fieldValidation, duplicates);
  if (notes) notes.warnings = warnings;
  return object as Resource;
}

/** A body in which unknown fields do not matter, such as an Eviction. */
export function decodeBody<T>(type: Omit<ObjectType, 'group'>, body: unknown): T {
  const value = ownBody(type, body);
  decodeAs(type, value, 'Ignore');
  return value as T;
}

/** The body as decoding takes it over, saying what it is; it may be decoded again for a retry. */
function ownBody({ apiVersion, kind }: Omit<ObjectType, 'group'>, body: unknown): unknown {
  checkSort({ apiVersion, kind }, body);
  const object = copy(body);
  if (typeof object !== 'object' || object === null || Array.isArray(object)) return object;
  return Object.assign(object, { apiVersion, kind });
}
