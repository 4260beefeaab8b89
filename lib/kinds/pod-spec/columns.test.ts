import assert from 'node:assert/strict';
import type { Pod, PodStatus } from '../gen/core-v1.ts';
import { pod } from '../pod.ts';
import { made, rowOf } from '../testing/objects.ts';

const status = (name: string, rest: object) => ({
  name,
  image: '',
  imageID: '',
  ready: false,
  restartCount: 0,
  ...rest,
});
const running = (name: string, rest: object = {}) =>
  status(name, { ready: true, started: true, state: { running: {} }, ...rest });
const waiting = (name: string, reason: string) => status(name, { state: { waiting: { reason } } });
const ended = (name: string, exitCode: number, rest: object = {}) =>
  status(name, { state: { terminated: { exitCode, ...rest } } });

const two = { containers: [{ name: 'a' }, { name: 'b' }] };
const withInit = { containers: [{ name: 'a' }], initContainers: [{ name: 'i' }, { name: 'j' }] };
const withSidecar = {
  containers: [{ name: 'a' }],
  initContainers: [{ name: 's', restartPolicy: 'Always' }, { name: 'j' }],
};

suite('pod columns', () => {
  const cases: [
    what: string,
    spec: object,
    status: PodStatus,
    shown: [ready: string, status: string, restarts: string],
  ][] = [
    ['a pod nobody has looked at', two, {}, ['0/2', 'Pending', '0']],
    [
      'a running pod',
      two,
      { phase: 'Running', containerStatuses: [running('a'), running('b')] },
      ['2/2', 'Running', '0'],
    ],
    [
      'an image that cannot be pulled',
      two,
      { phase: 'Pending', containerStatuses: [running('a'), waiting('b', 'ImagePullBackOff')] },
      ['1/2', 'ImagePullBackOff', '0'],
    ],
    [
      'a container that crashes',
      two,
      {
        phase: 'Running',
        containerStatuses: [
          running('a'),
          {
            ...waiting('b', 'CrashLoopBackOff'),
            restartCount: 3,
            lastState: { terminated: { exitCode: 1, finishedAt: '2024-01-01T00:55:00Z' } },
          },
        ],
      },
      ['1/2', 'CrashLoopBackOff', '3 (5m ago)'],
    ],
    [
      'a container that ended well',
      two,
      {
        phase: 'Succeeded',
        containerStatuses: [ended('a', 0, { reason: 'Completed' }), ended('b', 0, { reason: 'Completed' })],
      },
      ['0/2', 'Completed', '0'],
    ],
    [
      'one ended, one running and ready',
      two,
      {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'True' }],
        containerStatuses: [ended('a', 0, { reason: 'Completed' }), running('b')],
      },
      ['1/2', 'Running', '0'],
    ],
    [
      'one ended, one running, not ready',
      two,
      { phase: 'Running', containerStatuses: [ended('a', 0, { reason: 'Completed' }), running('b')] },
      ['1/2', 'NotReady', '0'],
    ],
    [
      'an exit code without a reason',
      two,
      { phase: 'Failed', containerStatuses: [ended('a', 7), ended('b', 0)] },
      ['0/2', 'ExitCode:7', '0'],
    ],
    [
      'a signal without a reason',
      two,
      { phase: 'Failed', containerStatuses: [ended('a', 137, { signal: 9 })] },
      ['0/2', 'Signal:9', '0'],
    ],
    ['an evicted pod', two, { phase: 'Failed', reason: 'Evicted' }, ['0/2', 'Evicted', '0']],
    [
      'the second of two init containers',
      withInit,
      { phase: 'Pending', initContainerStatuses: [ended('i', 0), waiting('j', 'PodInitializing')] },
      ['0/1', 'Init:1/2', '0'],
    ],
    [
      'an init container that fails',
      withInit,
      { phase: 'Pending', initContainerStatuses: [ended('i', 2)] },
      ['0/1', 'Init:ExitCode:2', '0'],
    ],
    [
      'an init container that waits',
      withInit,
      { phase: 'Pending', initContainerStatuses: [waiting('i', 'ErrImagePull')] },
      ['0/1', 'Init:ErrImagePull', '0'],
    ],
    [
      'a sidecar that runs beside',
      withSidecar,
      {
        phase: 'Running',
        initContainerStatuses: [running('s', { restartCount: 2 }), { ...ended('j', 0), restartCount: 9 }],
        containerStatuses: [running('a', { restartCount: 1 })],
      },
      ['2/2', 'Running', '3'],
    ],
    [
      'a gated pod',
      two,
      { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] },
      ['0/2', 'SchedulingGated', '0'],
    ],
  ];
  for (const [what, spec, podStatus, [ready, word, restarts]] of cases) {
    test(`tell ${what}`, () => {
      const object: Pod = { ...made(pod, { spec }), status: podStatus };
      const row = rowOf(pod, object);
      assert.deepEqual([row['Ready'], row['Status'], row['Restarts']], [ready, word, restarts]);
    });
  }

  test('tell a deletion, except of a pod that has ended', () => {
    const object = (podStatus: PodStatus): Pod => ({
      ...made(pod, { spec: two, metadata: { deletionTimestamp: '2024-01-01T00:59:00Z' } }),
      status: podStatus,
    });
    assert.equal(rowOf(pod, object({ phase: 'Running' }))['Status'], 'Terminating');
    assert.equal(rowOf(pod, object({ phase: 'Running', reason: 'NodeLost' }))['Status'], 'Unknown');
    assert.equal(rowOf(pod, object({ phase: 'Succeeded' }))['Status'], 'Succeeded');
  });

  test('tell more when wide', () => {
    const object: Pod = {
      ...made(pod, {
        spec: { ...two, nodeName: 'n1', readinessGates: [{ conditionType: 'x/a' }, { conditionType: 'x/b' }] },
      }),
      status: { podIPs: [{ ip: '10.0.0.9' }], conditions: [{ type: 'x/a', status: 'True' }] },
    };
    const row = rowOf(pod, object);
    assert.deepEqual(
      [row['Age'], row['IP'], row['Node'], row['Nominated Node'], row['Readiness Gates']],
      ['60m', '10.0.0.9', 'n1', '<none>', '1/2'],
    );
  });
});
