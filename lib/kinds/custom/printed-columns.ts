/** The columns of custom resources in tables, by the paths that their definition names. */
import { humanDuration } from '#lib/meta/duration.ts';
import type { Resource } from '#lib/meta/object.ts';
import { parseTime } from '#lib/meta/time.ts';
import { nameColumn } from '../columns.ts';
import type { Cell, Column, PrintContext } from '../define-kind.ts';
import type { CustomResourceColumnDefinition } from '../gen/apiextensions-v1.ts';
import { parseJsonPath, valuesAt } from './json-path.ts';

const age: CustomResourceColumnDefinition = {
  name: 'Age',
  type: 'date',
  description: 'How long ago the object was created.',
  jsonPath: '.metadata.creationTimestamp',
};

/** The name, and then what the definition lists; the age when it lists nothing. */
export function printedColumns(listed: readonly CustomResourceColumnDefinition[] = [age]): Column<Resource>[] {
  return [nameColumn, ...(listed.length > 0 ? listed : [age]).map(columnOf)];
}

function columnOf({
  name,
  type,
  format,
  description,
  priority,
  jsonPath,
}: CustomResourceColumnDefinition): Column<Resource> {
  const path = parseJsonPath(jsonPath);
  return {
    name,
    type: type as NonNullable<Column<Resource>['type']>,
    ...(format && { format: format as 'name' }),
    description: description ?? `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    priority: priority ?? 0,
    // A path may lead to several values, of which the first is shown, as upstream does.
    value: (object, context) => cellOf(type, valuesAt(object, path)[0], context),
  };
}

function cellOf(type: string, value: unknown, { now }: PrintContext): Cell {
  if (value === undefined) return null;
  switch (type) {
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date': {
      if (typeof value !== 'string') return null;
      const time = parseTime(value);
      return time === undefined ? '<invalid>' : humanDuration(now - time);
    }
    default:
      return typeof value === 'string' ? value : JSON.stringify(value);
  }
}
