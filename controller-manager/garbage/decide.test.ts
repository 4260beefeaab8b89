import assert from 'node:assert/strict';
import { configMap } from '#lib/kinds/config-map.ts';
import type { ConfigMap } from '#lib/kinds/gen/core-v1.ts';
import type { OwnerReference } from '#lib/meta/object.ts';
import { makeTestWorld } from '../testing/world.ts';
import { decide } from './decide.ts';
import type { OwnerState, Seen } from './decide.ts';

suite('garbage decide', () => {
  const referenceTo = (uid: string, blockOwnerDeletion?: boolean): OwnerReference => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name: `name-${uid}`,
    uid,
    ...(blockOwnerDeletion !== undefined && { blockOwnerDeletion }),
  });

  function put(name: string, metadata: object = {}): ConfigMap {
    return makeTestWorld().put(configMap, { metadata: { name, uid: name, ...metadata } });
  }

  function seen(object: ConfigMap, states: Record<string, OwnerState> = {}, dependents: ConfigMap[] = []): Seen {
    const references = object.metadata.ownerReferences ?? [];
    return {
      kind: configMap,
      object,
      owners: references.map((reference) => ({ reference, state: states[reference.uid]! })),
      dependents: dependents.map((each) => ({ kind: configMap, object: each })),
    };
  }

  const summary = (source: Seen) =>
    decide(source).map((action) => {
      if (action.do === 'delete') return `delete ${action.target.name} ${action.propagationPolicy}`;
      if (action.do === 'patch')
        return `patch ${action.target.name} ${JSON.stringify((action.patch as { metadata: object }).metadata)}`;
      return action.do;
    });

  test('decide() deletes what has lost its last owner, by the finalizers it has', () => {
    const ownerReferences = [referenceTo('a'), referenceTo('b')];
    const gone = { a: 'absent', b: 'absent' } as const;
    assert.deepEqual(summary(seen(put('x', { ownerReferences }), gone)), ['delete x Background']);
    const finalizers = ['orphan'];
    assert.deepEqual(summary(seen(put('x', { ownerReferences, finalizers }), gone)), ['delete x Orphan']);
  });

  test('decide() drops references to absent owners while another stays', () => {
    const object = put('x', { ownerReferences: [referenceTo('a'), referenceTo('b')] });
    const [patch, ...others] = decide(seen(object, { a: 'solid', b: 'absent' }));
    assert.deepEqual(others, []);
    assert.ok(patch?.do === 'patch');
    assert.deepEqual((patch.patch as ConfigMap).metadata.ownerReferences, [referenceTo('a')]);
    assert.equal((patch.patch as ConfigMap).metadata.resourceVersion, object.metadata.resourceVersion);
  });

  test('decide() leaves what has an owner, none, or one it cannot judge', () => {
    const owned = put('x', { ownerReferences: [referenceTo('a')] });
    assert.deepEqual(decide(seen(owned, { a: 'solid' })), []);
    assert.deepEqual(decide(seen(owned, { a: 'unknown' })), []);
    assert.deepEqual(decide(seen(put('x'))), []);
  });

  test('decide() removes dependents of an owner that waits for them, the deepest first', () => {
    const middle = put('middle', { ownerReferences: [referenceTo('top', true)] });
    const leaf = put('leaf', { ownerReferences: [referenceTo('middle', true)] });
    assert.deepEqual(summary(seen(middle, { top: 'waiting' }, [leaf])), ['delete middle Foreground']);
    assert.deepEqual(summary(seen(middle, { top: 'waiting' })), ['delete middle Background']);
  });

  test('decide() lets a waiting owner go once no dependent blocks it', () => {
    const top = put('top', { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['foregroundDeletion', 'mine'] });
    const blocking = put('a', { ownerReferences: [referenceTo('top', true)] });
    const free = put('b', { ownerReferences: [referenceTo('top', false)] });
    assert.deepEqual(decide(seen(top, {}, [blocking, free])), []);
    assert.deepEqual(summary(seen(top, {}, [free])), [
      `patch top {"uid":"top","resourceVersion":"${top.metadata.resourceVersion}","finalizers":["mine"]}`,
    ]);
  });

  test('decide() orphans dependents before the owner goes', () => {
    const top = put('top', { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['orphan'] });
    const dependent = put('a', { ownerReferences: [referenceTo('top')] });
    const [patch] = decide(seen(top, {}, [dependent]));
    assert.ok(patch?.do === 'patch' && patch.target.name === 'a');
    assert.equal((patch.patch as { metadata: { ownerReferences: null } }).metadata.ownerReferences, null);
    assert.match(summary(seen(top))[0]!, /^patch top .*"finalizers":null/);
  });

  test('decide() breaks a circle of owners that would wait for each other', () => {
    const one = put('one', { ownerReferences: [referenceTo('two', true)] });
    const waiting = { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['foregroundDeletion'] };
    const two = put('two', { ...waiting, ownerReferences: [referenceTo('one', true)] });
    const actions = decide(seen(one, { two: 'waiting' }, [two]));
    assert.deepEqual(
      actions.map((action) => action.do),
      ['patch', 'delete'],
    );
  });

  test('decide() warns of an owner in another namespace, and does not count it', () => {
    const object = put('x', { ownerReferences: [referenceTo('a')] });
    const source = seen(object, { a: 'absent' });
    source.owners[0]!.elsewhere = 'other';
    assert.deepEqual(summary(source), ['event', 'delete x Background']);
  });
});
