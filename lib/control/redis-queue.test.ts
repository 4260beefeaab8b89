import assert from 'node:assert/strict';
import { silentLog } from '#lib/env/log.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import { startRedis } from '../../test/harness/redis.ts';
import type { TestRedis } from '../../test/harness/redis.ts';
import { pause, testQueueContract, until } from './queue-contract.ts';
import { connectRedisQueues } from './redis-queue.ts';
import type { RedisQueues } from './redis-queue.ts';
import type { WorkQueue } from './types.ts';

suite('Redis queue', () => {
  const env = { ...makeRealEnv({ service: 'test' }), log: silentLog };
  const idle = { revision: () => 1n, resync: () => {} };
  let redis: TestRedis;
  let queues: RedisQueues;
  let count = 0;

  suiteSetup(async () => {
    redis = await startRedis();
    queues = await connect();
  });
  suiteTeardown(async () => {
    queues.close();
    await redis.stop();
  });

  /** Connects and waits until the connection stands, which is when a queue is asked for all its keys. */
  async function connect(): Promise<RedisQueues> {
    const connected = connectRedisQueues({ url: redis.url, lockMs: 1000 }, env);
    const ready = Promise.withResolvers<void>();
    const probe = connected.open('probe', { ...idle, resync: () => ready.resolve() });
    await ready.promise;
    await probe.stop();
    return connected;
  }

  testQueueContract('work queue through Redis', async () => queues.open(`queue-${count++}`, idle));

  test('run() in two processes shares the keys and never lets both hold one', async () => {
    const name = `queue-${count++}`;
    const others = await connect();
    const pair = [queues.open(name, idle), others.open(name, idle)];
    const held = new Set<string>();
    const turns = [0, 0];
    const handled = new Map<string, number>();
    let level = 0;
    pair.forEach((queue, i) =>
      queue.run(4, async ({ key }) => {
        assert.ok(!held.has(key), `two workers hold ${key}`);
        held.add(key);
        turns[i]! += 1;
        const seen = level;
        await pause(2);
        handled.set(key, seen);
        held.delete(key);
      }),
    );
    const keys = Array.from({ length: 40 }, (_, i) => `key-${i}`);
    for (level = 1; level < 10; level++) {
      for (const queue of pair) for (const key of keys) queue.add(key);
      await pause(5);
    }
    for (const key of keys) pair[0]!.add(key);
    await until(() => keys.every((key) => handled.get(key) === 10));
    assert.ok(turns.every((turn) => turn > 0));
    await Promise.all(pair.map((queue) => queue.stop()));
    others.close();
  });

  test('wrote() tells the next holder in another process how far its view must be', async () => {
    const name = `queue-${count++}`;
    const others = await connect();
    const first = queues.open(name, { ...idle, revision: () => 7n });
    const seen: bigint[] = [];
    first.run(1, async ({ after, wrote }) => {
      seen.push(after);
      wrote(42n);
    });
    first.add('a');
    await until(() => seen.length === 1);
    await first.stop();
    const second = others.open(name, { ...idle, revision: () => 8n });
    second.run(1, async ({ after }) => void seen.push(after));
    second.add('a');
    await until(() => seen.length === 2);
    assert.deepEqual(seen, [7n, 42n]);
    await second.stop();
    others.close();
  });

  test('open() asks for all keys again when Redis comes back empty', async () => {
    let queue: WorkQueue | undefined;
    const seen: string[] = [];
    queue = queues.open(`queue-${count++}`, { ...idle, resync: () => queue?.add('again') });
    queue.run(1, async ({ key }) => void seen.push(key));
    queue.add('a');
    await until(() => seen.includes('a'));
    await redis.stop();
    queue.add('lost');
    await redis.start();
    await until(() => seen.includes('again'));
    await queue.stop();
  });
});
