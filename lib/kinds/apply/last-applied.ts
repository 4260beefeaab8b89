/** From kubectl's client-side apply, which records its configuration in an annotation, to server-side apply by the same hand. */
import { compare, isObject } from './compare.ts';
import { fieldsOf } from './extract.ts';
import { difference, union } from './field-set.ts';
import type { FieldSet } from './field-set.ts';
import type { StructType } from './field-types.ts';

const annotation = 'kubectl.kubernetes.io/last-applied-configuration';

/** The one manager for whom the annotation counts and is kept up. */
export const kubectlManager = 'kubectl';

type Annotated = { metadata?: { annotations?: Record<string, string> | undefined } };

/**
 * The fields that the live object has as they were last applied on the client's side, which may be taken over without asking; undefined when
 * there is no record of this version.
 */
export function takeableFields(type: StructType, live: object, apiVersion: string): FieldSet | undefined {
  const text = recordOf(live);
  const config = text ? parse(text) : undefined;
  if (!isObject(config) || config['apiVersion'] !== apiVersion) return undefined;
  const { added, modified, removed } = compare(type, config, live);
  return difference(fieldsOf(type, config), union(union(added, modified), removed));
}

/** The object with the annotation brought up to date with an applied configuration, where it has one. */
export function withRecord<T extends object>(object: T, config: object): T {
  if (!recordOf(object)) return object;
  const { metadata } = object as Annotated;
  const annotations = { ...metadata?.annotations, [annotation]: textOf(config) };
  return { ...object, metadata: { ...metadata, annotations } };
}

function recordOf(object: object): string | undefined {
  return (object as Annotated).metadata?.annotations?.[annotation];
}

/** The configuration as kubectl writes it: without the annotation itself, keys sorted. */
function textOf(config: object): string {
  const { metadata } = config as Annotated;
  const { [annotation]: _, ...annotations } = metadata?.annotations ?? {};
  const plain = { ...config, metadata: { ...metadata, ...(metadata?.annotations && { annotations }) } };
  return `${JSON.stringify(sortedKeys(plain))}\n`;
}

function sortedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedKeys);
  if (!isObject(value)) return value;
  const names = Object.keys(value).sort();
  return Object.fromEntries(names.map((name) => [name, sortedKeys(value[name])]));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
