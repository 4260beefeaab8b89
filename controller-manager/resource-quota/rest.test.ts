import assert from 'node:assert/strict';
import { makeRest } from './rest.ts';

suite('makeRest()', () => {
  test('a quota is counted once it has been still for a moment, and at once after that', () => {
    const { restMs } = makeRest();
    assert.equal(restMs('q', '1', 0), 500);
    assert.equal(restMs('q', '2', 300), 500);
    assert.equal(restMs('q', '2', 700), 100);
    assert.equal(restMs('q', '2', 800), 0);
    assert.equal(restMs('q', '2', 900), 0);
  });

  test('a quota that is never still is counted now and then', () => {
    const { restMs } = makeRest();
    const counted: number[] = [];
    for (let now = 0; now <= 12_000; now += 100) if (restMs('q', String(now), now) === 0) counted.push(now);
    assert.deepEqual(counted, [5000, 10_100]);
  });

  test('quotas do not wait for each other', () => {
    const { restMs, forget } = makeRest();
    restMs('a', '1', 0);
    assert.equal(restMs('b', '1', 600), 500);
    assert.equal(restMs('a', '1', 600), 0);
    forget('a');
    assert.equal(restMs('a', '1', 600), 500);
  });
});
