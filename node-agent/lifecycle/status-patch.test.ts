import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { PodStatus } from '#lib/kinds/gen/core-v1.ts';
import { applyStrategicMerge } from '#lib/kinds/strategic-merge.ts';
import { mayWait, statusPatch } from './status-patch.ts';

const apply = (before: PodStatus, after: PodStatus): PodStatus => {
  const status = statusPatch(before, after);
  const merged = applyStrategicMerge({ status: before }, { status: status ?? {} }, 'io.k8s.api.core.v1.Pod');
  return (merged as { status: PodStatus }).status;
};

const optional = <T>(values: T[]) => fc.constantFrom(undefined, ...values);
const anyStatus = () =>
  fc.record({
    phase: fc.constantFrom('Pending' as const, 'Running' as const, 'Failed' as const),
    reason: optional(['Evicted', 'DeadlineExceeded']),
    podIP: optional(['10.0.0.1', '10.0.0.2']),
    podIPs: optional([[{ ip: '10.0.0.1' }], [{ ip: '10.0.0.2' }], [{ ip: '10.0.0.3' }, { ip: '10.0.0.1' }]]),
    hostIPs: optional([[{ ip: '192.0.2.1' }], [{ ip: '192.0.2.2' }]]),
    conditions: fc.uniqueArray(
      fc.record({
        type: fc.constantFrom('Ready', 'Initialized'),
        status: fc.constantFrom('True' as const, 'False' as const),
        reason: optional(['PodFailed', 'ContainersNotReady']),
      }),
      { selector: ({ type }) => type, minLength: 2, maxLength: 2 },
    ),
  }) as fc.Arbitrary<PodStatus>;

suite('node-agent/lifecycle/status-patch', () => {
  test('statusPatch() leads to the status in one step, whatever there was before', () => {
    fc.assert(
      fc.property(anyStatus(), anyStatus(), (before, after) => {
        assert.equal(statusPatch(apply(before, after), after), undefined);
      }),
    );
  });

  test('statusPatch() forgets addresses that are not the pod’s any more, and leaves conditions of others alone', () => {
    const others = { type: 'example.org/gate', status: 'True' as const };
    const before = { podIPs: [{ ip: '10.0.0.1' }], conditions: [others] };
    assert.deepEqual(apply(before, { podIPs: [{ ip: '10.0.0.2' }], conditions: [] }), {
      podIPs: [{ ip: '10.0.0.2' }],
      conditions: [others],
    });
  });

  test('mayWait() lets a pod of which nothing has begun wait, and nothing else', () => {
    const waiting = (reason: string): PodStatus => ({
      phase: 'Pending',
      containerStatuses: [
        { name: 'app', image: 'a', imageID: '', ready: false, restartCount: 0, state: { waiting: { reason } } },
      ],
    });
    const running: PodStatus = { phase: 'Running' };
    assert.ok(mayWait(undefined, waiting('ContainerCreating')));
    assert.ok(mayWait({ phase: 'Pending' }, { ...waiting('PodInitializing'), podIP: '10.0.0.1' }));
    assert.ok(!mayWait(waiting('ContainerCreating'), running));
    assert.ok(!mayWait(running, waiting('ContainerCreating')));
    assert.ok(!mayWait(waiting('ContainerCreating'), waiting('ErrImagePull')));
    assert.ok(!mayWait(waiting('ErrImagePull'), waiting('ContainerCreating')));
    assert.ok(!mayWait(undefined, { phase: 'Failed', reason: 'OutOfcpu' }));
  });
});
