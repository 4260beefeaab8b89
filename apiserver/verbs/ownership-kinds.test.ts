import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readFieldSet } from '#lib/kinds/apply/field-set.ts';
import { kinds } from '#lib/kinds/index.ts';
import { decodeAs } from '#lib/kinds/structure.ts';
import { arbitraryBody } from '#lib/kinds/testing/arbitrary.ts';
import { copy } from '#lib/meta/equal.ts';
import { isReason } from '#lib/meta/errors.ts';
import type { Resource } from '#lib/meta/object.ts';
import { appliedTo, detached, ownersOfNew, ownersOfUpdate, setOwners } from './ownership.ts';

const writer = (manager: string) => ({ manager, apiVersion: '', subresource: '', time: '2026-01-01T00:00:00Z' });

suite('ownership of every kind', () => {
  for (const kind of kinds.filter(({ verbs }) => verbs.includes('update'))) {
    test(`owners of a ${kind.kind} of ${kind.apiVersion} can be told after any write`, () => {
      const decoded = (body: object): Resource => {
        const object = copy(body);
        decodeAs(kind, object, 'Ignore');
        return object as Resource;
      };
      const as = (manager: string) => ({ ...writer(manager), apiVersion: kind.apiVersion });
      const bodies = arbitraryBody(kind);
      fc.assert(
        fc.property(bodies, bodies, (first, second) => {
          const object = detached(decoded(first)).object;
          const next = detached(decoded(second)).object;
          const made = ownersOfNew(kind, object, as('a'));
          setOwners(object, made);
          const owners = ownersOfUpdate(kind, object, next, undefined, as('b'));
          for (const { fieldsV1 } of owners) {
            assert.equal(JSON.stringify(readFieldSet(fieldsV1)), JSON.stringify(fieldsV1));
          }
          assert.deepEqual(ownersOfUpdate(kind, object, copy(detached(object).object), undefined, as('b')), made);
          setOwners(next, owners);
          const config = { ...second, metadata: { ...(second['metadata'] as object), managedFields: undefined } };
          try {
            const applied = decoded(appliedTo(kind, next, config, as('c'), true).object);
            setOwners(applied, appliedTo(kind, next, config, as('c'), true).owners);
            const again = appliedTo(kind, applied, config, as('c'), false);
            assert.deepEqual(decoded(again.object), decoded(detached(applied).object));
          } catch (error) {
            // Values of a wrong sort, and lists with an item twice, are refused.
            if (!isReason(error, 'Unknown', 'BadRequest')) throw error;
          }
        }),
        { numRuns: 15 },
      );
    });
  }
});
