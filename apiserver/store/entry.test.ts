import assert from 'node:assert/strict';
import fc from 'fast-check';
import { copy } from '#lib/meta/equal.ts';
import type { Resource } from '#lib/meta/object.ts';
import { encodeForStore, entryOf, entryOfDeletion } from './entry.ts';

const pod = {
  spec: { template: { metadata: { name: 'inner' } }, text: 'a "metadata":{ \\' },
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'a', uid: 'u', resourceVersion: '7', creationTimestamp: 't', labels: { 'x"': 'ü' } },
} as Resource;

suite('entryOf()', () => {
  test('puts the revision into the object and its bytes', () => {
    const value = encodeForStore(pod);
    assert.equal(JSON.parse(value.toString()).metadata.resourceVersion, undefined);
    const entry = entryOf('/registry/pods/a', value, 42n);
    const expected = copy(pod);
    expected.metadata.resourceVersion = '42';
    assert.deepEqual(JSON.parse(entry.bytes.toString()), expected);
    assert.deepEqual(entry.object, expected);
    assert.equal(entry.object, entry.object);
    assert.deepEqual(entryOf('k', value, 42n, pod).object, expected);
  });

  test('finds the metadata of the object itself, wherever it is', () => {
    const anyJson = fc.jsonValue({ maxDepth: 3 });
    fc.assert(
      fc.property(anyJson, anyJson, fc.object({ maxDepth: 1 }), (before, after, extra) => {
        const metadata = { ...extra, name: 'a' };
        const object = { spec: { before, metadata: { name: 'inner' } }, list: [{ metadata: {} }], metadata, after };
        const { bytes } = entryOf('k', Buffer.from(JSON.stringify(object)), 5n);
        const plain = JSON.parse(JSON.stringify(object));
        plain.metadata.resourceVersion ??= '5';
        assert.deepEqual(JSON.parse(bytes.toString()), plain);
      }),
    );
  });

  test('gives a deletion its own revision', () => {
    const entry = entryOf('k', encodeForStore(pod), 42n);
    const deleted = entryOfDeletion(entry, 1000n);
    assert.equal(deleted.object.metadata.resourceVersion, '1000');
    assert.deepEqual(JSON.parse(deleted.bytes.toString()), JSON.parse(JSON.stringify(deleted.object)));
    assert.equal(entry.object.metadata.resourceVersion, '42');
  });

  test('refuses what has no metadata', () => {
    assert.throws(() => entryOf('k', Buffer.from('{"kind":"x"}'), 1n), /no metadata/);
  });
});
