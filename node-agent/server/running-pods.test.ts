import assert from 'node:assert/strict';
import { makeContainer, makeEnd, makePod, makeRun, makeSandbox, makeSeen } from '../lifecycle/pods.fixture.ts';
import { runningPods } from './running-pods.ts';

suite('node-agent/server/running-pods', () => {
  test('runningPods() tells what runs of a pod, and nothing of what has ended or not begun', () => {
    const pod = makePod({ containers: [makeContainer('app'), makeContainer('waits')] });
    const runs = [makeRun('app', { attempt: 1 }), makeEnd('app'), makeRun('waits', { state: 'created' })];
    assert.deepEqual(runningPods([makeSeen(pod, runs), makeSeen(pod)]), {
      kind: 'PodList',
      apiVersion: 'v1',
      metadata: {},
      items: [
        {
          metadata: { name: 'web', namespace: 'default', uid: 'uid-1' },
          spec: { containers: [{ name: 'app', image: 'app:1', resources: {} }] },
          status: {},
        },
      ],
    });
  });

  test('runningPods() tells of pods that the API has forgotten, and not of those that fell with their machine', () => {
    const running = makeSandbox([makeRun('app')], { uid: 'gone', ready: false });
    const fallen = makeSandbox([makeEnd('app')], { uid: 'fallen', ready: false });
    const { items } = runningPods([{ observed: running }, { observed: fallen }]) as {
      items: { metadata: { uid: string } }[];
    };
    assert.deepEqual(
      items.map(({ metadata }) => metadata.uid),
      ['gone'],
    );
  });
});
