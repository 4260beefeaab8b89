import assert from 'node:assert/strict';
import { configMap } from '#lib/kinds/config-map.ts';
import type { Namespace } from '#lib/kinds/gen/core-v1.ts';
import { namespace } from '#lib/kinds/namespace.ts';
import { pod } from '#lib/kinds/pod.ts';
import { makeTestWorld } from '../testing/world.ts';
import { decide, failed } from './decide.ts';

suite('namespace decide', () => {
  const now = Date.UTC(2026, 0, 1);
  const deletionTimestamp = '2026-01-01T00:00:00Z';

  function goingNamespace(world = makeTestWorld()): Namespace {
    return world.put(namespace, {
      metadata: { name: 'shop', deletionTimestamp },
      spec: { finalizers: ['kubernetes'] },
    });
  }

  test('decide() deletes what is there and tells what remains', () => {
    const world = makeTestWorld();
    const going = goingNamespace(world);
    const one = world.put(configMap, { metadata: { name: 'one' } });
    const held = world.put(pod, { metadata: { name: 'held', deletionTimestamp, finalizers: ['a/b'] }, spec: {} });
    const contents = [
      { kind: configMap, objects: [one] },
      { kind: pod, objects: [held] },
    ];
    world.apply(decide({ namespace: going, contents, now }));
    assert.deepEqual(world.list(configMap), []);
    assert.equal(world.list(pod).length, 1);
    const { phase, conditions } = world.get(namespace, 'shop').status!;
    assert.equal(phase, 'Terminating');
    assert.deepEqual(
      conditions!.map(({ type, status, message }) => `${type} ${status} ${message}`),
      [
        'NamespaceDeletionDiscoveryFailure False All resources successfully discovered',
        'NamespaceDeletionGroupVersionParsingFailure False All legacy kube types successfully parsed',
        'NamespaceDeletionContentFailure False All content successfully deleted, may be waiting on finalization',
        'NamespaceContentRemaining True Some resources are remaining: configmaps. has 1 resource instances, pods. has 1 resource instances',
        'NamespaceFinalizersRemaining True Some content in the namespace has finalizers remaining: a/b in 1 resource instances',
      ],
    );
  });

  test('decide() lets an empty namespace go', () => {
    const [action, ...others] = decide({ namespace: goingNamespace(), contents: [], now });
    assert.deepEqual(others, []);
    assert.ok(action?.do === 'put' && action.subresource === 'finalize');
    assert.deepEqual((action.body as Namespace).spec.finalizers, []);
  });

  test('decide() leaves a namespace that stays alone, and one that others hold', () => {
    const world = makeTestWorld();
    const staying = world.put(namespace, { metadata: { name: 'a' }, spec: { finalizers: ['kubernetes'] } });
    const heldByOthers = world.put(namespace, {
      metadata: { name: 'b', deletionTimestamp },
      spec: { finalizers: ['x'] },
    });
    assert.deepEqual(decide({ namespace: staying, contents: [], now }), []);
    assert.deepEqual(decide({ namespace: heldByOthers, contents: [], now }), []);
  });

  test('failed() tells what could not be deleted', () => {
    const world = makeTestWorld();
    const going = goingNamespace(world);
    const one = world.put(configMap, { metadata: { name: 'one' } });
    const seen = { namespace: going, contents: [{ kind: configMap, objects: [one] }], now };
    const [action] = decide(seen);
    world.apply(failed(seen, [{ action: action!, error: new Error('no') }]));
    const condition = world
      .get(namespace, 'shop')
      .status!.conditions!.find(({ status, reason }) => status === 'True' && reason === 'ContentDeletionFailed');
    assert.equal(condition?.message, 'Failed to delete all resource types, 1 remaining: no');
  });
});
