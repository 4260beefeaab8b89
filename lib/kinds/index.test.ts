import assert from 'node:assert/strict';
import fc from 'fast-check';
import { copy, equal } from '#lib/meta/equal.ts';
import { checkObject } from './checks/metadata.ts';
import { plainColumns } from './columns.ts';
import { builtIn, kinds } from './index.ts';
import { schemaType } from './schema.ts';
import { decodeObject } from './structure.ts';
import { arbitraryBody } from './testing/arbitrary.ts';

suite('kinds', () => {
  test('every kind has a schema with its metadata, and names of its own', () => {
    const seen = new Set<string>();
    for (const kind of kinds) {
      const { props } = schemaType(kind.schema);
      assert.ok(props?.['metadata'], kind.schema);
      if (kind.status) assert.ok(props['status'], kind.kind);
      assert.equal(kind.singular, kind.kind.toLowerCase());
      assert.ok(kind.description, kind.kind);
      const path = `${kind.apiVersion}/${kind.plural}`;
      assert.ok(!seen.has(path), path);
      seen.add(path);
      assert.equal(builtIn.at(kind.group, kind.version, kind.plural), kind);
      assert.equal(builtIn.of(kind.apiVersion, kind.kind), kind);
    }
    assert.equal(builtIn.of('v1', 'Deployment'), undefined);
  });

  test('kinds share a storage place only when one is stored as the other', () => {
    const owners = new Map<string, string>();
    for (const kind of kinds) {
      if (kind.conversion) assert.equal(kind.conversion.stored.storage, kind.storage);
      else {
        assert.equal(owners.get(kind.storage), undefined, kind.storage);
        owners.set(kind.storage, kind.kind);
      }
    }
  });

  test('columns are called text but for those that upstream calls otherwise', () => {
    const others = kinds.flatMap(({ kind, columns = [] }) => {
      const those = columns.filter(({ type }) => type !== 'string').map(({ name, type }) => `${name}: ${type}`);
      return those.length > 0 ? [`${kind} has ${those.join(', ')}`] : [];
    });
    assert.deepEqual(others.sort(), [
      'CSIDriver has AttachRequired: boolean, PodInfoOnMount: boolean, StorageCapacity: boolean, RequiresRepublish: boolean',
      'CSINode has Drivers: integer',
      'CronJob has Suspend: boolean, Active: integer',
      'DaemonSet has Desired: integer, Current: integer, Ready: integer, Up-to-date: integer, Available: integer',
      'MutatingWebhookConfiguration has Webhooks: integer',
      'PodDisruptionBudget has Allowed Disruptions: integer',
      'PriorityClass has Value: integer, Global-Default: boolean',
      'ReplicaSet has Desired: integer, Current: integer, Ready: integer',
      'ReplicationController has Desired: integer, Current: integer, Ready: integer',
      'ValidatingAdmissionPolicy has Validations: integer',
      'ValidatingWebhookConfiguration has Webhooks: integer',
      'VolumeAttachment has Attached: boolean',
    ]);
  });

  for (const kind of kinds) {
    test(`${kind.apiVersion} ${kind.kind} takes any object of its shape without falling over`, () => {
      const context = {
        now: Date.parse('2024-06-01T00:00:00Z'),
        uuid: () => '00000000-0000-4000-8000-000000000000',
        caller: { name: 'someone', groups: ['some'] },
      };
      const columns = kind.columns ?? plainColumns;
      fc.assert(
        fc.property(arbitraryBody(kind), arbitraryBody(kind), (body, other) => {
          const prepared = [body, other].map((given) => {
            const { object } = decodeObject(kind, copy(given), 'Strict');
            object.metadata.uid = context.uuid();
            object.metadata.creationTimestamp = '2024-01-01T00:00:00Z';
            kind.defaults?.(object);
            const again = copy(object);
            kind.defaults?.(again);
            assert.ok(equal(again, object), 'defaults are set once and for all');
            const decoded = decodeObject(kind, copy(object), 'Strict').object;
            assert.ok(equal(decoded, object), 'a decoded object decodes to itself');
            return object;
          });
          const [now, before] = [prepared[0]!, prepared[1]!];
          checkObject(kind, now, undefined);
          checkObject(kind, now, before);
          kind.checkStatus?.(now, before);
          for (const name of Object.keys(kind.subresources ?? {})) kind.checkSubresource?.(name, now, before);
          for (const column of columns) assert.notEqual(column.value(now, context), undefined, column.name);
          for (const [field, read] of Object.entries(kind.fields ?? {}))
            assert.equal(typeof read(now), 'string', field);
          kind.graceSeconds?.(now, undefined);
          if (kind.conversion) {
            const { fromStored, toStored } = kind.conversion;
            const stored = toStored(now);
            assert.ok(equal(toStored(fromStored(stored)), stored), 'a conversion and back changes nothing stored');
          }
          kind.prepareUpdate?.(copy(now), before, context);
          kind.prepareCreate?.(copy(now), context);
        }),
        { numRuns: 200 },
      );
    });
  }
});
