import assert from 'node:assert/strict';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { tellProgress } from './tell-progress.ts';

suite('tell-progress', () => {
  test('tellProgress() tells after ten seconds, then each time after twice as long, until stopped', async () => {
    const env = makeFakeEnv();
    const told: number[] = [];
    let fetchedBytes = 0;
    const stop = tellProgress(
      () => Promise.resolve({ fetchedBytes: ++fetchedBytes, totalBytes: 9 }),
      () => told.push(env.monotonic()),
      env,
    );
    for (let second = 0; second < 100; second++) await env.advance(1000);
    assert.deepEqual(told, [10_000, 30_000, 70_000]);
    stop();
    await env.advance(3_600_000);
    assert.equal(told.length, 3);
    assert.equal(env.pending(), 0);
  });

  test('tellProgress() is silent while there is nothing to tell, and after a failure', async () => {
    const env = makeFakeEnv();
    const looks = [() => Promise.resolve(undefined), () => Promise.reject(new Error('no'))];
    const stop = tellProgress(
      () => looks.shift()!(),
      () => assert.fail('told'),
      env,
    );
    for (let second = 0; second < 100; second++) await env.advance(1000);
    assert.deepEqual(looks, []);
    stop();
  });
});
