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

  test('applyJsonPatch() is as lax as upstream', () => {
    const patched = (operation: object) => applyJsonPatch(document, [operation]) as typeof document & { b?: unknown };
    assert.equal(patched({ op: 'replace', path: '/b', value: 1 }).b, 1);
    assert.equal(patched({ op: 'add', path: '/b' }).b, null);
    assert.equal(patched({ op: 'copy', from: '/none', path: '/b' }).b, null);
    assert.deepEqual(patched({ op: 'add', path: '/list/-1', value: 'z' }).list, ['x', 'y', 'z']);
    assert.deepEqual(patched({ op: 'remove', path: '/list/-2' }).list, ['y']);
    assert.deepEqual(patched({ op: 'add', path: '/list/01', value: 'z' }).list, ['x', 'z', 'y']);
    assert.deepEqual(patched({ op: 'replace', path: '', value: { c: 1 } }), { c: 1 });
    assert.deepEqual(patched({ op: 'test', path: '/none', value: null }), document);
    assert.deepEqual(patched({ op: 'test', path: '/none' }), document);
    assert.deepEqual(patched({ op: 'test', path: '', value: document }), document);
    assert.deepEqual(applyJsonPatch(document, null), document);
  });

  test('applyJsonPatch() answers Invalid for a patch that does not fit', () => {
    for (const operation of [
      null,
      { op: 'test', path: '/a', value: 2 },
      { op: 'test', path: '', value: {} },
      { op: 'test', path: '/list/2', value: null },
      { op: 'remove', path: '/missing' },
      { op: 'remove', path: '' },
      { op: 'replace', path: '', value: 1 },
      { op: 'replace', path: '/list/2', value: 1 },
      { op: 'add', path: '', value: {} },
      { op: 'add', path: '/missing/deep', value: 1 },
      { op: 'add', path: '/a/deep', value: 1 },
      { op: 'add', path: '/list/9', value: 1 },
      { op: 'add', path: '/list/-4', value: 1 },
      { op: 'add', path: '/list/x', value: 1 },
      { op: 'add', path: 'a', value: 1 },
      { op: 'add', value: 1 },
      { op: 'dance', path: '/a' },
      { path: '/a' },
      { op: 'move', path: '/a' },
      { op: 'move', from: '/none', path: '/a' },
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
    const cannot = 'error decoding patch: json: cannot unmarshal';
    for (const [patch, message] of [
      [{}, `${cannot} object into Go value of type []handlers.jsonPatchOp`],
      ['x', `${cannot} string into Go value of type []handlers.jsonPatchOp`],
      [[true], `${cannot} bool into Go value of type handlers.jsonPatchOp`],
      [[{ op: 1, path: '/a' }], `${cannot} number into Go struct field jsonPatchOp.op of type string`],
      [[{ op: 'add', path: [] }], `${cannot} array into Go struct field jsonPatchOp.path of type string`],
    ] as [unknown, string][]) {
      assert.throws(() => applyJsonPatch(document, patch), { reason: 'BadRequest', message });
    }
  });

  test('applyJsonPatch() does what RFC 6902 says, as told by paths and values', () => {
    const document = fc.dictionary(fc.constantFrom('a', 'b', 'c/d', 'e~f'), fc.array(fc.integer(), { maxLength: 4 }));
    const step = fc.record({
      op: fc.constantFrom('add', 'remove', 'replace', 'test', 'copy', 'move'),
      key: fc.constantFrom('a', 'b', 'c/d', 'e~f'),
      from: fc.constantFrom('a', 'b', 'c/d', 'e~f'),
      at: fc.integer({ min: 0, max: 4 }),
      value: fc.integer(),
    });
    const pointer = (key: string, at: number) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}/${at}`;
    /** The document after a step, or undefined where the RFC has it fail. */
    const apply = (
      lists: Record<string, number[]>,
      { op, key, from, at, value }: { op: string; key: string; from: string; at: number; value: number },
    ): Record<string, number[]> | undefined => {
      const source = lists[from];
      const taken = source?.[at];
      const target = op === 'move' && key === from ? source?.toSpliced(at, 1) : lists[key];
      if (!target) return undefined;
      const present = at < target.length;
      switch (op) {
        case 'add':
          return at <= target.length ? { ...lists, [key]: target.toSpliced(at, 0, value) } : undefined;
        case 'remove':
          return present ? { ...lists, [key]: target.toSpliced(at, 1) } : undefined;
        case 'replace':
          return present ? { ...lists, [key]: target.with(at, value) } : undefined;
        case 'test':
          return target[at] === value ? lists : undefined;
        default:
          if (taken === undefined || at > target.length) return undefined;
          return {
            ...lists,
            ...(op === 'move' && { [from]: source!.toSpliced(at, 1) }),
            [key]: target.toSpliced(at, 0, taken),
          };
      }
    };
    fc.assert(
      fc.property(document, fc.array(step, { maxLength: 5 }), (before, steps) => {
        let expected: Record<string, number[]> | undefined = { ...before };
        for (const each of steps) expected = expected && apply(expected, each);
        const patch = steps.map(({ op, key, from, at, value }) => ({
          op,
          path: pointer(key, at),
          from: pointer(from, at),
          value,
        }));
        if (expected) assert.deepEqual(applyJsonPatch(before, patch), expected);
        else assert.throws(() => applyJsonPatch(before, patch), ApiError);
      }),
    );
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
    assert.deepEqual(applyMergePatch({ a: { b: 1 } }, { a: [null, { c: null }], d: [null, { c: null, e: [null] }] }), {
      a: [null, { c: null }],
      d: [{ e: [] }],
    });
    assert.throws(() => applyMergePatch({ a: 1 }, [1]), { reason: 'BadRequest' });
    assert.throws(() => applyMergePatch({ a: 1 }, null), { reason: 'BadRequest', message: 'Invalid JSON Patch' });
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
