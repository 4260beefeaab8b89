import assert from 'node:assert/strict';
import type { Event, Pod } from '#lib/kinds/gen/core-v1.ts';
import { progressText } from '../../node-agent/images/progress-text.ts';
import { describePod } from './pod.ts';

const now = Date.parse('2026-01-01T01:00:00Z');
const ago = (seconds: number) => new Date(now - seconds * 1000).toISOString().replace('.000Z', 'Z');

function podWith(spec: Partial<Pod['spec']>, status: Pod['status']): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'shop', uid: 'u1', creationTimestamp: ago(60) } as Pod['metadata'],
    spec: { containers: [{ name: 'app', image: 'a.example/x:1' }], ...spec },
    status,
  };
}

function eventOf(reason: string, message: string, seconds: number, more: Partial<Event> = {}): Event {
  return {
    involvedObject: { fieldPath: 'spec.containers{app}' },
    metadata: {},
    type: 'Normal',
    reason,
    message,
    lastTimestamp: ago(seconds),
    ...more,
  } as Event;
}

const waiting = (reason: string) => ({
  containerStatuses: [
    { name: 'app', ready: false, restartCount: 0, image: '', imageID: '', state: { waiting: { reason } } },
  ],
});

suite('wherry describe pod', () => {
  test('tells where a pod runs and how its containers do', () => {
    const pod = podWith(
      {
        nodeName: 'node-1',
        initContainers: [
          { name: 'first', image: 'b:1' },
          { name: 'helper', image: 'c:1', restartPolicy: 'Always' },
        ],
      },
      {
        phase: 'Running',
        startTime: ago(300),
        podIP: '10.42.0.5',
        conditions: [
          { type: 'Ready', status: 'False', reason: 'ContainersNotReady', message: 'unready: [app]' },
          { type: 'PodScheduled', status: 'True' },
        ],
        initContainerStatuses: [
          {
            ...{ name: 'first', ready: true, restartCount: 0, image: '', imageID: '' },
            state: { terminated: { exitCode: 0, reason: 'Completed', finishedAt: ago(290) } },
          },
          {
            ...{ name: 'helper', ready: true, restartCount: 0, image: '', imageID: '' },
            state: { running: { startedAt: ago(280) } },
          },
        ],
        containerStatuses: [
          {
            ...{ name: 'app', ready: false, restartCount: 2, image: '', imageID: '' },
            state: { running: { startedAt: ago(12) } },
            lastState: { terminated: { exitCode: 137, reason: 'OOMKilled', finishedAt: ago(30) } },
          },
        ],
      },
    );
    const events = [
      eventOf('BackOff', 'Back-off restarting', 20, { type: 'Warning', count: 3 }),
      eventOf('Pulled', 'Already present', 280),
    ];
    assert.deepEqual(describePod(pod, events, now), [
      'Pod         shop/web, Running',
      'Runs        on node-1 as containers, for 5m, at 10.42.0.5',
      'Containers',
      '  first                    init, image b:1',
      '                           ended 4m50s ago with exit code 0 (Completed)',
      '  helper                   sidecar, image c:1',
      '                           running for 4m40s, ready',
      '  app                      image a.example/x:1',
      '                           running for 12s, not ready, restarted 2 times',
      '                           the run before ended 30s ago with exit code 137 (OOMKilled)',
      'Not yet so',
      '  Ready                    ContainersNotReady: unready: [app]',
      'Events',
      '  4m40s ago                Pulled: Already present',
      '  20s ago                  Warning: BackOff: Back-off restarting (3 times)',
    ]);
  });

  test('tells how far an image has come, while its container waits for it', () => {
    const pod = podWith({ nodeName: 'node-1' }, waiting('ContainerCreating'));
    const begun = eventOf('Pulling', 'Pulling image "a.example/x:1"', 40);
    const under = eventOf('Pulling', progressText('a.example/x:1', { fetchedBytes: 45e6, totalBytes: 120e6 }), 10);
    const line = '                           image: 45.0 of 120.0 MB fetched (37 %), 10s ago';
    assert.ok(describePod(pod, [under, begun], now).includes(line));
    const told = describePod(pod, [under, begun, eventOf('Failed', 'Failed to pull image', 5)], now);
    assert.ok(!told.some((text) => text.includes('fetched (')), 'it has failed since');
    assert.ok(!describePod(pod, [begun], now).some((text) => text.includes('fetched (')), 'nothing is known yet');
  });

  test('tells why a pod is nowhere, and that it goes', () => {
    const message = '0/1 nodes are available';
    const unplaced = podWith(
      { runtimeClassName: 'microvm' },
      { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }] },
    );
    assert.deepEqual(describePod(unplaced, [], now), [
      'Pod         shop/web, Pending',
      'Runs        nowhere yet',
      'Containers',
      '  app                      image a.example/x:1',
      '                           waiting: not looked at yet',
      'Not yet so',
      '  PodScheduled             Unschedulable: 0/1 nodes are available',
    ]);
    const evicted = podWith({ nodeName: 'n' }, { phase: 'Failed', reason: 'Evicted', message: 'out of disk' });
    evicted.metadata.deletionTimestamp = ago(1);
    const lines = describePod(evicted, [], now);
    assert.equal(lines[0], 'Pod         shop/web, Failed, being deleted');
    assert.ok(lines.includes('Because     Evicted: out of disk'));
  });
});
