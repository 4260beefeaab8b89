import assert from 'node:assert/strict';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { makeEnd, makePod, makeRun, makeSeen } from '../lifecycle/pods.fixture.ts';
import type { Eviction } from '../lifecycle/types.ts';
import { makePressure } from './pressure.ts';
import type { PodUsage } from './rank.ts';
import { reclaim } from './reclaim.ts';
import { relieveOnce, relievePressure } from './relieve.ts';
import type { ReliefParts } from './relieve.ts';
import { evictionSettings } from './settings.ts';
import type { EvictionConfig } from './settings.ts';
import type { Observations } from './types.ts';

const mebi = 1024 * 1024;
const memory = (mebis: number): Observations => ({
  'memory.available': { available: mebis * mebi, capacity: 1000 * mebi },
});
const disk = (percent: number): Observations => ({ 'nodefs.available': { available: percent, capacity: 100 } });

function setUp(config?: EvictionConfig) {
  const env = makeFakeEnv();
  const settings = evictionSettings(config);
  const evicted: (Eviction & { uid: string })[] = [];
  const said: string[] = [];
  const world = {
    seen: memory(500),
    usage: [] as PodUsage[],
    reclaim: () => Promise.resolve(false),
    released: () => true,
    reported: true,
    looks: 0,
    changes: 0,
    ring: () => {},
  };
  const parts: ReliefParts = {
    env,
    settings,
    pressure: makePressure(settings),
    pods: {
      all: () => evicted.map((eviction) => makeSeen(makePod(), [], { evicted: eviction, reported: world.reported })),
      seen: () => makeSeen(makePod(), [], { released: world.released() }),
      evict: (uid, eviction) => void evicted.push({ uid, ...eviction }),
    },
    events: { record: ({ reason, message }) => void said.push(`${reason}: ${message}`) },
    node: {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n1', uid: 'n1', resourceVersion: '', creationTimestamp: '' },
    },
    observe: () => {
      world.looks++;
      return Promise.resolve(world.seen);
    },
    usage: () => Promise.resolve(world.usage.filter(({ uid }) => !evicted.some((each) => each.uid === uid))),
    reclaim: () => world.reclaim(),
    changed: () => void world.changes++,
    onShortage: (listener) => {
      world.ring = listener;
      return Promise.resolve(() => {});
    },
  };
  return { env, parts, world, evicted, said };
}

function usage(uid: string, usedMebi: number, priority = 0, graceSeconds = 30): PodUsage {
  const pod = makePod({ priority, terminationGracePeriodSeconds: graceSeconds }, undefined, { uid });
  const memoryBytes = usedMebi * mebi;
  return { uid, pod, memoryBytes, diskBytes: 0, inodes: 0, processes: 0, containers: [] };
}

suite('node-agent/eviction/relieve', () => {
  test('relieveOnce() evicts one pod, the worst that is not critical, with a second to end', async () => {
    const { parts, world, evicted, said } = setUp();
    world.usage = [usage('small', 1), usage('system', 900, 2_000_000_000), usage('big', 100)];
    await relieveOnce(parts);
    assert.deepEqual([evicted, said], [[], []]);
    world.seen = memory(50);
    await relieveOnce(parts);
    assert.deepEqual(
      evicted.map(({ uid, graceSeconds, disrupts }) => [uid, graceSeconds, disrupts]),
      [['big', 1, true]],
    );
    assert.match(
      evicted[0]!.message,
      /^The node was low on resource: memory\. Threshold quantity: 100Mi, available: 50Mi\. /,
    );
    assert.deepEqual(said, ['EvictionThresholdMet: Attempting to reclaim memory']);
    assert.equal(world.changes, 1);
  });

  test('relieveOnce() leaves a soft eviction the shorter of both graces', async () => {
    const { env, parts, world, evicted } = setUp({
      hard: {},
      soft: { 'memory.available': '100Mi' },
      softGracePeriod: { 'memory.available': '1s' },
      maxPodGracePeriodSeconds: 20,
    });
    world.seen = memory(50);
    world.usage = [usage('slow', 2, 0, 60), usage('quick', 1, 0, 5)];
    await relieveOnce(parts);
    await env.advance(1000);
    await relieveOnce(parts);
    await relieveOnce(parts);
    assert.deepEqual(
      evicted.map(({ uid, graceSeconds }) => [uid, graceSeconds]),
      [
        ['slow', 20],
        ['quick', 5],
      ],
    );
  });

  test('relieveOnce() evicts nobody when enough could be reclaimed', async () => {
    const { parts, world, evicted } = setUp();
    world.usage = [usage('pod', 1)];
    world.seen = disk(5);
    world.reclaim = () => {
      world.seen = disk(50);
      return Promise.resolve(true);
    };
    await relieveOnce(parts);
    assert.deepEqual(evicted, []);
    world.seen = disk(5);
    world.reclaim = () => Promise.resolve(true);
    await relieveOnce(parts);
    assert.equal(evicted.length, 1);
  });

  test('relieveOnce() evicts no more for the disk than the API can hear of', async () => {
    const { parts, world, evicted } = setUp();
    world.usage = [usage('first', 3), usage('second', 2), usage('third', 1)];
    world.reported = false;
    world.seen = disk(5);
    await relieveOnce(parts);
    await relieveOnce(parts);
    assert.equal(evicted.length, 1);
    world.seen = memory(5);
    await relieveOnce(parts);
    assert.equal(evicted.length, 2);
    world.seen = disk(5);
    world.reported = true;
    await relieveOnce(parts);
    assert.equal(evicted.length, 3);
  });

  test('relievePressure() looks closely at what is near, and waits for an evicted pod before the next', async () => {
    const { env, parts, world, evicted } = setUp();
    const stopping = new AbortController();
    const done = relievePressure(parts, stopping.signal);
    await env.advance(30_000);
    assert.equal(world.looks, 4);
    await env.advance(1000);
    world.ring();
    world.ring();
    await env.advance(0);
    assert.equal(world.looks, 5);
    world.seen = memory(150);
    await env.advance(10_000);
    const looksBefore = world.looks;
    await env.advance(5000);
    assert.equal(world.looks - looksBefore, 5);
    world.usage = [usage('first', 20), usage('second', 10)];
    world.released = () => false;
    world.seen = memory(50);
    await env.advance(20_000);
    assert.deepEqual(
      evicted.map(({ uid }) => uid),
      ['first'],
    );
    world.released = () => true;
    await env.advance(1000);
    assert.deepEqual(
      evicted.map(({ uid }) => uid),
      ['first', 'second'],
    );
    stopping.abort(new Error('Over'));
    await done;
  });
});

suite('node-agent/eviction/reclaim', () => {
  test('reclaim() removes earlier ends and unused images, where they lie on the disk that is short', async () => {
    const runs = [
      makeEnd('app', 1),
      makeEnd('app', 1, { attempt: 1 }),
      makeRun('app', { attempt: 2 }),
      makeEnd('init'),
    ];
    const removed: string[] = [];
    const image = (id: string) => ({ id, tags: [], digests: [], sizeBytes: 1, lastUsedAt: 0 });
    const parts = (ownImageFs: boolean) => ({
      env: makeFakeEnv(),
      ownImageFs,
      runtime: { removeContainer: (id: string) => Promise.resolve(void removed.push(id.replace(/0+$/, ''))) },
      images: {
        list: () => Promise.resolve([image('sha256:app'), image('unused')]),
        remove: (id: string) => Promise.resolve(void removed.push(id)),
      },
      pods: { all: () => [makeSeen(makePod(), runs)] },
    });
    assert.equal(await reclaim('memory.available', parts(false)), false);
    assert.deepEqual(removed.splice(0), []);
    assert.equal(await reclaim('nodefs.available', parts(false)), true);
    assert.deepEqual(removed.splice(0), ['app-', 'unused']);
    await reclaim('nodefs.inodesFree', parts(true));
    assert.deepEqual(removed.splice(0), ['app-']);
    await reclaim('imagefs.available', parts(true));
    assert.deepEqual(removed.splice(0), ['unused']);
  });
});
