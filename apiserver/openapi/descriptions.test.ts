import assert from 'node:assert/strict';
import { kinds } from '#lib/kinds/index.ts';
import { schemaNames, schemaType } from '#lib/kinds/schema.ts';
import { describedFields, fieldDescription, typeDescription } from './descriptions.ts';

suite('descriptions', () => {
  const shortName = (definition: string) => definition.slice(definition.lastIndexOf('.') + 1);

  test('speak of types and fields that there are', () => {
    const known = new Map<string, Set<string>>();
    for (const name of schemaNames()) {
      const fields = known.get(shortName(name)) ?? new Set();
      for (const field of Object.keys(schemaType(name).props ?? {})) fields.add(field);
      known.set(shortName(name), fields);
    }
    known.set('WatchEvent', new Set(['type', 'object']));
    const unknown = describedFields()
      .filter(({ type }) => !type.startsWith('*'))
      .flatMap(({ type, fields }) =>
        known.has(type)
          ? fields.filter((field) => !known.get(type)!.has(field)).map((field) => `${type}.${field}`)
          : [type],
      );
    assert.deepEqual(unknown, []);
  });

  test('tell of every field of every kind, and of what stands in its spec and status', () => {
    const silent = kinds.flatMap(({ schema }) => {
      const { props = {} } = schemaType(schema);
      const inner = ['spec', 'status'].flatMap((field) => props[field]?.$ref ?? []);
      return [schema, ...inner].flatMap((name) =>
        Object.keys(schemaType(name).props ?? {})
          .filter((field) => !fieldDescription(name, field))
          .map((field) => `${shortName(name)}.${field}`),
      );
    });
    assert.deepEqual(silent, []);
  });

  test('do not say of a type what they say of its fields, since readers show both', () => {
    const twice = schemaNames().flatMap((name) =>
      Object.entries(schemaType(name).props ?? {}).flatMap(([field, { $ref, items }]) => {
        const type = $ref ?? items?.$ref;
        const text = fieldDescription(name, field);
        return type && text !== undefined && typeDescription(type) === text ? [`${shortName(name)}.${field}`] : [];
      }),
    );
    assert.deepEqual(twice, []);
  });

  test('a type’s own words go before those for types that end alike, and these before those for all', () => {
    const core = 'io.k8s.api.core.v1';
    assert.equal(fieldDescription(`${core}.EmptyDirVolumeSource`, 'medium')?.startsWith('Empty for'), true);
    assert.equal(fieldDescription(`${core}.NFSVolumeSource`, 'readOnly'), 'Whether it cannot be written.');
    assert.equal(fieldDescription(`${core}.Taint`, 'key'), 'Its key.');
    assert.equal(fieldDescription(`${core}.Container`, 'nothing'), undefined);
    assert.equal(typeDescription(`${core}.Probe`), 'Asks a container how it is, again and again.');
    assert.equal(typeDescription(`${core}.NodeCondition`), "One aspect of an object's state.");
  });
});
