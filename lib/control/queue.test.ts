import assert from 'node:assert/strict';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import { makeWorkQueue } from './queue.ts';
import { testQueueContract } from './queue-contract.ts';

testQueueContract('work queue in process', async () => makeWorkQueue(makeRealEnv({ service: 'test' })));

suite('makeWorkQueue', () => {
  test('add() keeps the order of first adds through many keys', async () => {
    const queue = makeWorkQueue(makeFakeEnv());
    const keys = Array.from({ length: 5000 }, (_, i) => `key-${i}`);
    for (const key of keys) queue.add(key);
    assert.equal(queue.length(), 5000);
    const seen: string[] = [];
    const done = Promise.withResolvers<void>();
    queue.run(1, async ({ key }) => {
      seen.push(key);
      if (seen.length === keys.length) done.resolve();
    });
    await done.promise;
    assert.deepEqual(seen, keys);
    await queue.stop();
  });

  test('run() doubles the rest of a failing key from 5 ms', async () => {
    const env = makeFakeEnv();
    const queue = makeWorkQueue(env);
    const times: number[] = [];
    queue.run(1, async () => {
      times.push(env.monotonic());
      throw new Error('never');
    });
    queue.add('a');
    await env.advance(5 + 10 + 20 + 40);
    assert.deepEqual(times, [0, 5, 15, 35, 75]);
    await queue.stop();
  });
});
