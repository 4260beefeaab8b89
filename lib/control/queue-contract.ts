/** What every work queue must do; each implementation runs these tests. */
import assert from 'node:assert/strict';
import { makeRealEnv } from '#lib/env/real.ts';
import type { WorkQueue } from './types.ts';

/** Defines a suite over queues from `open`; each test gets a fresh one. */
export function testQueueContract(title: string, open: () => Promise<WorkQueue>): void {
  suite(title, () => {
    let queue: WorkQueue;
    setup(async () => {
      queue = await open();
    });
    teardown(() => queue.stop());

    test('add() gives a key out once, however often it was added before', async () => {
      for (let i = 0; i < 5; i++) queue.add('a');
      queue.add('b');
      const seen: string[] = [];
      queue.run(1, async ({ key }) => void seen.push(key));
      await until(() => seen.includes('b'));
      assert.equal(seen.filter((key) => key === 'a').length, 1);
    });

    test('add() of a key that is being processed runs it once more afterwards', async () => {
      let turns = 0;
      const first = Promise.withResolvers<void>();
      queue.run(2, async () => {
        turns++;
        if (turns === 1) await first.promise;
      });
      queue.add('a');
      await until(() => turns === 1);
      for (let i = 0; i < 3; i++) queue.add('a');
      // The other key passes the waiting one, so both adds have been dealt with before the first turn ends.
      await pause(30);
      assert.equal(turns, 1);
      first.resolve();
      await until(() => turns === 2);
      await pause(30);
      assert.equal(turns, 2);
    });

    test('run() never lets two workers hold one key, and loses no wakeup', async () => {
      const held = new Set<string>();
      const keys = Array.from({ length: 20 }, (_, i) => `key-${i}`);
      const wanted = new Map(keys.map((key) => [key, 0]));
      const handled = new Map<string, number>();
      queue.run(8, async ({ key }) => {
        assert.ok(!held.has(key), `two workers hold ${key}`);
        held.add(key);
        const level = wanted.get(key)!;
        await pause(1);
        handled.set(key, level);
        held.delete(key);
      });
      for (let round = 1; round <= 20; round++) {
        for (const key of keys) {
          wanted.set(key, round);
          queue.add(key);
        }
        await pause(round % 3);
      }
      await until(() => keys.every((key) => handled.get(key) === 20));
    });

    test('run() tries a failed key again, and forgets its failures after a success', async () => {
      let turns = 0;
      queue.run(1, async () => {
        turns++;
        if (turns < 4) throw new Error('not yet');
      });
      queue.add('a');
      await until(() => turns === 4);
      await pause(50);
      assert.equal(turns, 4);
    });

    test('addAfter() waits, and the earliest of several holds', async () => {
      const seen: string[] = [];
      queue.run(1, async ({ key }) => void seen.push(key));
      queue.addAfter('slow', 60_000);
      queue.addAfter('slow', 20);
      queue.addAfter('slow', 30_000);
      assert.deepEqual(seen, []);
      await until(() => seen.length === 1);
      assert.deepEqual(seen, ['slow']);
    });

    test('stop() waits for the keys that workers hold, and starts no more', async () => {
      let finished = 0;
      let started = 0;
      queue.run(1, async () => {
        started++;
        await pause(30);
        finished++;
      });
      queue.add('a');
      await until(() => started === 1);
      queue.add('b');
      await queue.stop();
      assert.deepEqual({ started, finished }, { started: 1, finished: 1 });
    });
  });
}

const clock = makeRealEnv({ service: 'test' });

/** Polls until `done`, for at most ten seconds. */
export async function until(done: () => boolean): Promise<void> {
  const deadline = clock.monotonic() + 10_000;
  while (!done()) {
    if (clock.monotonic() > deadline) throw new Error('Not so after 10 s');
    await pause(2);
  }
}

export function pause(ms: number): Promise<void> {
  return clock.sleep(ms);
}
