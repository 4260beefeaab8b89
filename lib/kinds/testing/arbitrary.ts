/** Objects of any kind at random, out of the schema: of the right shape, and otherwise as wild as clients are. */
import fc from 'fast-check';
import type { Kind } from '../define-kind.ts';
import { schemaType, type SchemaField } from '../schema.ts';

/** Levels of structs before optional fields stop. */
const maxDepth = 7;

/** JSON bodies of this kind, such as a client may send. */
export function arbitraryBody(
  kind: Pick<Kind, 'schema' | 'apiVersion' | 'kind' | 'namespaced'>,
): fc.Arbitrary<Record<string, unknown>> {
  return arbitraryStruct(kind.schema, 0).map((body) => ({
    ...body,
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    metadata: { ...(body['metadata'] as object), name: 'some', ...(kind.namespaced && { namespace: 'default' }) },
  }));
}

function arbitraryStruct(schema: string, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const fields = Object.entries(schemaType(schema).props ?? {}).filter(
    ([name]) => name !== 'apiVersion' && name !== 'kind',
  );
  // A handful of fields at a time keeps objects small, while many runs see every field.
  return fc
    .shuffledSubarray(fields, { maxLength: depth >= maxDepth ? 0 : Math.min(6, fields.length) })
    .chain((chosen) =>
      fc.record(Object.fromEntries(chosen.map(([name, field]) => [name, arbitraryField(field, depth + 1)]))),
    );
}

/** JSON schemas, and what may stand for one. */
const schemasOr = {
  bool: [true, { type: 'string' }],
  list: [{ type: 'integer', nullable: true }, [{ type: 'string' }, {}]],
  texts: [{ type: 'string' }, ['a', 'b']],
};

function arbitraryField(field: SchemaField, depth: number): fc.Arbitrary<unknown> {
  if (field.$ref) return arbitraryStruct(field.$ref, depth);
  if (field.or) return fc.constantFrom(...schemasOr[field.or]);
  if (field.raw || !field.type) return fc.constant({ free: ['form'] });
  switch (field.type) {
    case 'string':
      return arbitraryText(field);
    case 'boolean':
      return fc.boolean();
    case 'integer':
    case 'number':
      return fc.constantFrom(0, 1, 2, 80, 443, 65_536, -1, 2_147_483_647);
    case 'quantity':
      return fc.constantFrom('0', '100m', '1', '1Gi', '1.5', '-1', 2);
    case 'int-or-string':
      return fc.constantFrom(0, 1, 80, '25%', '0%', '101%', 'http', 'no port');
    case 'array':
      return fc.array(arbitraryField(field.items ?? {}, depth), { maxLength: 2 });
    case 'object':
      return fc.dictionary(
        fc.constantFrom('app', 'cpu', 'memory', 'storage', 'example.com/x', '__proto__', 'toString', 'A b'),
        arbitraryField(field.additionalProperties ?? {}, depth),
        { maxKeys: 3 },
      );
  }
}

function arbitraryText(field: SchemaField): fc.Arbitrary<string> {
  if (field.format === 'date-time') return fc.constantFrom('2024-01-01T00:00:00Z', '2024-02-03T04:05:06.789123+02:00');
  if (field.format === 'byte') return fc.constantFrom('', 'eA==', 'eHl6');
  const known = field.enum?.length ? [fc.constantFrom(...field.enum)] : [];
  return fc.oneof(
    ...known,
    fc.constantFrom('', 'a', 'web', 'Not A Name', '/path', '10.0.0.1', 'example.com/x', '..', '* * * * *'),
  );
}
