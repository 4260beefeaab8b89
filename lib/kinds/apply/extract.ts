/** The fields that an object says something about: what an applier owns. */
import { byElement, fieldTypeOf, isObject } from './compare.ts';
import { leaf, memberOf, nodeOf, textOf } from './field-set.ts';
import type { FieldSet } from './field-set.ts';
import { elementOf } from './field-types.ts';
import type { FieldType, StructType } from './field-types.ts';

/** What is wrong with an object, each fault as a sentence with the field before it. */
type Report = (path: string, fault: string) => void;

type ListType = FieldType & { is: 'set' | 'keyed' };

const ignore: Report = () => {};

/** The fields of an object that is known to fit its type. */
export function fieldsOf(type: StructType, object: object): FieldSet {
  return extract(type, object, '', ignore) ?? leaf;
}

/** The fields of an object as a client wrote it, and what does not fit the type: fields unknown, values of a wrong sort, items without their keys. */
export function checkedFieldsOf(type: StructType, object: object): { fields: FieldSet; faults: string[] } {
  const faults: string[] = [];
  const fields = extract(type, object, '', (path, fault) => faults.push(`${path}: ${fault}`)) ?? leaf;
  return { fields, faults };
}

/** The node of a value without its own membership, but for values that are one field. */
function extract(type: FieldType, value: unknown, path: string, report: Report): FieldSet | undefined {
  switch (type.is) {
    case 'leaf':
      if (type.expects && value !== null && typeof value !== type.expects) report(path, wrongType(type.expects, value));
      return leaf;
    case 'set':
    case 'keyed':
      if (value === null) return undefined;
      if (Array.isArray(value)) return extractItems(type, value, path, report);
      report(path, wrongType('list', value));
      return undefined;
    default:
      return extractFields(type, value, path, report);
  }
}

function extractFields(
  type: FieldType & { is: 'struct' | 'map' | 'free' },
  value: unknown,
  path: string,
  report: Report,
): FieldSet | undefined {
  if (value === null) return undefined;
  if (!isObject(value)) {
    if (type.is === 'free') return leaf;
    report(path, wrongType('map', value));
    return undefined;
  }
  const children: Record<string, FieldSet> = {};
  for (const key of Object.keys(value)) {
    const item = value[key];
    if (item === undefined) continue;
    const field = fieldTypeOf(type, key);
    if (!field) {
      report(`${path}.${key}`, 'field not declared in schema');
      continue;
    }
    const beneath = extract(field, item, `${path}.${key}`, report);
    const isOwn = item === null || (isObject(item) && Object.keys(item).length === 0) || type.is !== 'struct';
    const node = isOwn ? withMember(beneath) : beneath;
    if (node) children[`f:${key}`] = node;
  }
  return nodeOf(children, false);
}

function extractItems(type: ListType, items: readonly unknown[], path: string, report: Report): FieldSet | undefined {
  const children: Record<string, FieldSet> = {};
  items.forEach((item, index) => {
    elementOf(type, item, (key) =>
      report(
        path,
        `element ${index}: associative list with keys has an element that omits key field ${JSON.stringify(key)} (and doesn't have default value)`,
      ),
    );
  });
  for (const [element, alike] of byElement(type, items)) {
    if (alike.length > 1) {
      report(path, `duplicate entries for key ${textOf(element)}`);
      children[element] = leaf;
    } else children[element] = withMember(extract(type.items, alike[0], path + textOf(element), report));
  }
  return nodeOf(children, false);
}

function withMember(node: FieldSet | undefined): FieldSet {
  return node ? memberOf(node) : leaf;
}

function wrongType(expected: string, value: unknown): string {
  const shown = JSON.stringify(value);
  if (expected === 'number')
    return `expected numeric (int or float), got ${Array.isArray(value) ? 'list' : typeof value}`;
  return `expected ${expected}, got ${shown}`;
}
