import assert from 'node:assert/strict';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { node } from '#lib/kinds/node.ts';
import { pod } from '#lib/kinds/pod.ts';
import { conditionOf } from '#lib/meta/conditions.ts';
import { makeTestWorld } from '../testing/world.ts';
import { decide } from './decide.ts';

suite('pod-gc decide', () => {
  const deletionTimestamp = '2026-01-01T00:00:00Z';

  test('decide() removes pods of lost nodes, going pods without a node, and the oldest finished ones', () => {
    const world = makeTestWorld();
    const put = (name: string, metadata: object, spec: object, phase: string) =>
      world.put(pod, { metadata: { name, ...metadata }, spec: { containers: [], ...spec }, status: { phase } });
    world.put(node, { metadata: { name: 'n1' }, spec: {} });
    put('healthy', {}, { nodeName: 'n1' }, 'Running');
    put('lost', {}, { nodeName: 'n2' }, 'Running');
    put('unbound', { deletionTimestamp }, {}, 'Pending');
    put('old', { creationTimestamp: '2025-01-01T00:00:00Z' }, { nodeName: 'n1' }, 'Succeeded');
    put('recent', { creationTimestamp: '2025-06-01T00:00:00Z' }, { nodeName: 'n1' }, 'Failed');
    const actions = decide({
      pods: world.list(pod),
      nodeOf: (name) => world.find(node, { namespace: '', name }),
      lostNodes: new Set(['n2']),
      finishedLimit: 1,
      checkMs: 20_000,
      now: world.now,
    });
    const marked = actions.flatMap((action) => (action.do === 'status' ? [action.object as Pod] : []));
    const lost = marked.find(({ metadata }) => metadata.name === 'lost')!;
    assert.equal(lost.status?.phase, 'Failed');
    assert.equal(conditionOf(lost.status.conditions, 'DisruptionTarget')?.reason, 'DeletionByPodGC');
    world.apply(actions);
    assert.deepEqual(
      world
        .list(pod)
        .map(({ metadata }) => metadata.name)
        .toSorted((a, b) => a.localeCompare(b)),
      ['healthy', 'recent'],
    );
  });

  test('decide() frees going pods from a node that is out of service', () => {
    const world = makeTestWorld();
    const object = world.put(node, {
      metadata: { name: 'n1' },
      spec: { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] },
      status: { conditions: [{ type: 'Ready', status: 'Unknown' }] },
    });
    world.put(pod, { metadata: { name: 'going', deletionTimestamp }, spec: { nodeName: 'n1', containers: [] } });
    const options = { lostNodes: new Set<string>(), finishedLimit: 10, checkMs: 20_000, now: world.now };
    world.apply(decide({ pods: world.list(pod), nodeOf: () => object, ...options }));
    assert.deepEqual(world.list(pod), []);
  });
});
