/** Scalars as structural decoding reads them, and Go's words for types that do not fit. */
import { badRequest } from '#lib/meta/errors.ts';
import { canonicalAmount, canonicalQuantity, QuantityError } from '#lib/meta/quantities.ts';
import { formatMicroTime, formatTime } from '#lib/meta/time.ts';
import type { SchemaField } from './schema.ts';

/** A quantity's canonical text. */
export function decodeQuantity(value: unknown): string {
  return quantityBy(canonicalQuantity, value);
}

/** The canonical text of a quantity in a list of resources, which is no finer than a thousandth. */
export function decodeAmount(value: unknown): string {
  return quantityBy(canonicalAmount, value);
}

function quantityBy(textOf: (text: number | string) => string, value: unknown): string {
  if (typeof value !== 'string' && typeof value !== 'number') {
    throw badRequest("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
  }
  try {
    return textOf(typeof value === 'string' ? value.trim() : value);
  } catch (error) {
    if (error instanceof QuantityError) throw badRequest(error.message);
    throw error;
  }
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** A time in UTC with whole seconds, or with six digits below them. */
export function canonicalTime(text: string, micro: boolean): string {
  const ms = rfc3339.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(ms)) {
    const layout = micro ? '2006-01-02T15:04:05.000000Z07:00' : '2006-01-02T15:04:05Z07:00';
    throw badRequest(
      `parsing time ${JSON.stringify(text)} as ${JSON.stringify(layout)}: cannot parse ${JSON.stringify(text)} as "2006"`,
    );
  }
  if (!micro) return formatTime(ms);
  // A Date holds milliseconds; the three digits below them come from the text.
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? '';
  return `${formatMicroTime(ms).slice(0, 20)}${fraction.slice(0, 6).padEnd(6, '0')}Z`;
}

/** Base64 without line breaks. */
export function canonicalBytes(text: string): string {
  const plain = /[\r\n]/.test(text) ? text.replace(/[\r\n]/g, '') : text;
  const bad = /[^A-Za-z0-9+/=]/.exec(plain)?.index ?? (plain.length % 4 === 0 ? -1 : plain.length);
  const padding = plain.indexOf('=');
  if (bad >= 0 || (padding >= 0 && !/^={1,2}$/.test(plain.slice(padding)))) {
    throw badRequest(`illegal base64 data at input byte ${bad >= 0 ? bad : padding}`);
  }
  return plain;
}

/** Go's name for the JSON type of a value. */
export function jsonTypeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  if (value === null) return 'null';
  if (typeof value === 'number')
    return Number.isSafeInteger(value) && Math.abs(value) < 2 ** 31 ? 'number' : `number ${value}`;
  return typeof value;
}

/** Go's name for the type of a field. */
export function goTypeOf(field: SchemaField): string {
  if (field.$ref) return goName(field.$ref);
  switch (field.type) {
    case 'boolean':
      return 'bool';
    case 'integer':
      return field.format ?? 'int64';
    case 'number':
      return 'float64';
    case 'array':
      return `[]${goTypeOf(field.items ?? {})}`;
    case 'object':
      return `map[string]${goTypeOf(field.additionalProperties ?? {})}`;
    case 'quantity':
      return 'resource.Quantity';
    case 'int-or-string':
      return 'intstr.IntOrString';
    default:
      return field.format === 'byte' ? '[]uint8' : 'string';
  }
}

/** `io.k8s.api.core.v1.Container` -> `v1.Container`. */
export function goName(schema: string): string {
  return schema.split('.').slice(-2).join('.');
}

/** `io.k8s.api.core.v1.Container` -> `Container`. */
export function shortName(schema: string): string {
  return schema.slice(schema.lastIndexOf('.') + 1);
}
