import assert from 'node:assert/strict';
import fc from 'fast-check';
import { equal } from './equal.ts';
import { ApiError, isReason } from './errors.ts';
import { applyJsonPatch, applyMergePatch } from './patches.ts';

suite('patches', () => {
  const document = { a: 1, list: ['x', 'y'], map: { 'p/q': true, 'r~s': 2 } };

  test('applyJsonPatch() does every operation and leaves the document alone', () => {
    const before = structuredClone(document);
    const result = applyJsonPatch(document, [
      { op: 'test', path: '/a', value: 1 },
      { op: 'add', path: '/b', value: { c: [] } },
      { op: 'add', path: '/list/1', value: 'between' },
      { op: 'add', path: '/list/-', value: 'last' },
      { op: 'replace', path: '/map/p~1q', value: false },
      { op: 'remove', path: '/map/r~0s' },
      { op: 'copy', from: '/list/0', path: '/b/c/0' },
      { op: 'move', from: '/a', path: '/b/a' },
    ]);
    assert.deepEqual(result, { b: { c: ['x'], a: 1 }, list: ['x', 'between', 'y', 'last'], map: { 'p/q': false } });
    assert.deepEqual(document, before);
  });

  test('applyJsonPatch() answers Invalid for a patch that does not fit', () => {
    for (const operation of [
      { op: 'test', path: '/a', value: 2 },
      { op: 'remove', path: '/missing' },
      { op: 'replace', path: '/missing', value: 1 },
      { op: 'add', path: '/missing/deep', value: 1 },
      { op: 'add', path: '/list/9', value: 1 },
      { op: 'add', path: '/list/01', value: 1 },
      { op: 'move', from: '/map', path: '/map/inside' },
      { op: 'remove', path: '/__proto__' },
    ]) {
      assert.throws(
        () => applyJsonPatch(document, [operation]),
        (error) => isReason(error, 'Invalid'),
        JSON.stringify(operation),
      );
    }
  });

  test('applyJsonPatch() answers BadRequest for what is no patch', () => {
    for (const patch of [
      {},
      [null],
      [{ op: 'add', path: '/a' }],
      [{ op: 'dance', path: '/a' }],
      [{ op: 'move', path: '/a' }],
      [{ op: 'add', path: 'a', value: 1 }],
    ]) {
      assert.throws(
        () => applyJsonPatch(document, patch),
        (error) => isReason(error, 'BadRequest'),
        JSON.stringify(patch),
      );
    }
  });

  test('applyJsonPatch() bounds its work', () => {
    const many = Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/a', value: 1 }));
    assert.throws(
      () => applyJsonPatch(document, many),
      (error) => isReason(error, 'RequestEntityTooLarge'),
    );
    const doubling = Array.from({ length: 40 }, () => ({ op: 'copy', from: '/list', path: '/list/-' }));
    assert.throws(() => applyJsonPatch(document, doubling), ApiError);
  });

  test('applyJsonPatch() never reaches prototypes', () => {
    const result = applyJsonPatch({}, [{ op: 'add', path: '/__proto__', value: { polluted: true } }]) as object;
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
    assert.ok(Object.hasOwn(result, '__proto__'));
    assert.throws(() => applyJsonPatch({}, [{ op: 'add', path: '/__proto__/polluted', value: true }]), ApiError);
  });

  test('applyMergePatch() merges maps, replaces lists, removes by null', () => {
    assert.deepEqual(applyMergePatch({ a: { b: 1, c: 2 }, d: [1] }, { a: { b: null, e: 3 }, d: [2], f: { g: null } }), {
      a: { c: 2, e: 3 },
      d: [2],
      f: {},
    });
    assert.deepEqual(applyMergePatch({ a: 1 }, [1]), [1]);
  });

  test('applyMergePatch() of a document without nulls onto nothing is that document', () => {
    const json = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.string(),
        fc.integer(),
        fc.boolean(),
        fc.array(fc.integer()),
        tie('map'),
      ),
      map: fc.dictionary(fc.string(), tie('value'), { maxKeys: 4 }),
    })).map;
    fc.assert(
      fc.property(json, json, (document, patch) => {
        assert.ok(equal(applyMergePatch(undefined, patch), patch));
        const once = applyMergePatch(document, patch);
        assert.ok(equal(applyMergePatch(once, patch), once));
      }),
    );
  });
});
