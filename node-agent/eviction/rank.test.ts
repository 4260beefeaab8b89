import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { makeContainer, makePod } from '../lifecycle/pods.fixture.ts';
import { evictionText } from './message.ts';
import { makePressure } from './pressure.ts';
import { isCritical, rank } from './rank.ts';
import type { PodUsage } from './rank.ts';
import { evictionSettings } from './settings.ts';
import type { StarvedResource } from './types.ts';

const mebi = 1024 * 1024;

function usage(uid: string, request: string | undefined, usedMebi: number, priority = 0): PodUsage {
  const resources = request === undefined ? {} : { requests: { memory: request, 'ephemeral-storage': request } };
  const pod = makePod({ priority, containers: [makeContainer('app', { resources })] }, undefined, { uid });
  const bytes = usedMebi * mebi;
  return {
    uid,
    pod,
    memoryBytes: bytes,
    diskBytes: bytes,
    inodes: usedMebi,
    processes: usedMebi,
    containers: [{ name: 'app', memoryBytes: bytes, diskBytes: bytes }],
  };
}

suite('node-agent/eviction/rank', () => {
  test('rank() takes who exceeds its requests first, then the least important, then the most excessive', () => {
    const pods = [
      usage('within', '100Mi', 90, -10),
      usage('important', '10Mi', 500, 100),
      usage('greedy', '10Mi', 80),
      usage('greedier', undefined, 75),
    ];
    const order = (resource: StarvedResource) => rank(resource, pods).map(({ uid }) => uid);
    assert.deepEqual(order('memory'), ['greedier', 'greedy', 'important', 'within']);
    assert.deepEqual(order('ephemeral-storage'), ['greedier', 'greedy', 'important', 'within']);
    assert.deepEqual(order('inodes'), ['within', 'greedy', 'greedier', 'important']);
    assert.deepEqual(order('pids'), ['within', 'greedy', 'greedier', 'important']);
  });

  test('rank() keeps all pods, and no pod within its requests goes before one beyond them', () => {
    const anyPod = fc.record({
      request: fc.option(fc.integer({ min: 0, max: 50 }), { nil: undefined }),
      used: fc.integer({ min: 0, max: 50 }),
      priority: fc.integer({ min: -3, max: 3 }),
    });
    fc.assert(
      fc.property(fc.array(anyPod, { maxLength: 10 }), (specs) => {
        const pods = specs.map(({ request, used, priority }, i) =>
          usage(String(i), request === undefined ? undefined : `${request}Mi`, used, priority),
        );
        const ranked = rank('memory', pods);
        assert.deepEqual(ranked.map(({ uid }) => uid).toSorted(), pods.map(({ uid }) => uid).toSorted());
        const over = ranked.map(({ uid }) => specs[Number(uid)]!.used > (specs[Number(uid)]!.request ?? 0));
        assert.deepEqual(
          over,
          over.toSorted((a, b) => Number(b) - Number(a)),
        );
        for (const group of [true, false]) {
          const priorities = ranked.filter((_, i) => over[i] === group).map(({ pod }) => pod.spec.priority!);
          assert.deepEqual(
            priorities,
            priorities.toSorted((a, b) => a - b),
          );
        }
      }),
    );
  });

  test('isCritical() spares the system’s pods and those from files', () => {
    assert.equal(isCritical(makePod({ priority: 1_999_999_999 })), false);
    assert.equal(isCritical(makePod({ priority: 2_000_000_000 })), true);
    const from = (source: string) => makePod({}, undefined, { annotations: { 'kubernetes.io/config.source': source } });
    assert.deepEqual([isCritical(from('file')), isCritical(from('api'))], [true, false]);
  });

  test('evictionText() says what was short, by how much, and who used too much', () => {
    const { thresholds } = evictionSettings();
    const act = thresholds.filter(({ signal }) => signal === 'memory.available');
    const observations = { 'memory.available': { available: 90 * mebi, capacity: 1000 * mebi } };
    assert.deepEqual(evictionText('memory', usage('a', '10Mi', 20), act, observations), {
      message:
        'The node was low on resource: memory. Threshold quantity: 100Mi, available: 90Mi. ' +
        'Container app was using 20Mi, request is 10Mi, has larger consumption of memory. ',
      annotations: { offending_containers: 'app', offending_containers_usage: '20Mi', starved_resource: 'memory' },
    });
    const inodes = thresholds.filter(({ signal }) => signal === 'nodefs.inodesFree');
    const { message } = evictionText('inodes', usage('a', '10Mi', 20), inodes, {
      'nodefs.inodesFree': { available: 4000, capacity: 100_000 },
    });
    assert.equal(message, 'The node was low on resource: inodes. Threshold quantity: 5000, available: 4k. ');
  });

  test('makePressure() refuses pods that a short node cannot take', () => {
    const refusal = (pod: Pod, ...short: ('memory' | 'nodefs')[]) => {
      const pressure = makePressure(evictionSettings());
      const none = { available: 0, capacity: 100 };
      pressure.look(Object.fromEntries(short.map((name) => [`${name}.available`, none])), 0);
      return pressure.refusalOf(pod)?.message;
    };
    const modest = makePod({ containers: [makeContainer('app', { resources: { requests: { memory: '1Mi' } } })] });
    const patient = makePod({ tolerations: [{ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists' }] });
    const critical = makePod({ priority: 2_000_001_000 });
    assert.equal(refusal(makePod()), undefined);
    assert.equal(refusal(makePod(), 'memory'), 'The node had condition: [MemoryPressure]. ');
    assert.equal(refusal(modest, 'memory'), undefined);
    assert.equal(refusal(patient, 'memory'), undefined);
    assert.equal(refusal(modest, 'nodefs'), 'The node had condition: [DiskPressure]. ');
    assert.equal(refusal(patient, 'nodefs', 'memory'), 'The node had condition: [MemoryPressure DiskPressure]. ');
    assert.equal(refusal(critical, 'nodefs'), undefined);
  });
});
