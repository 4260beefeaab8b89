import assert from 'node:assert/strict';
import { formatSeconds, longer, restEnds } from './backoff.ts';
import type { Rest } from './backoff.ts';

const minute = 60_000;

suite('node-agent/lifecycle/backoff', () => {
  test('longer() doubles from ten seconds to five minutes', () => {
    let rest: Rest | undefined;
    let now = 0;
    const delays: number[] = [];
    for (let i = 0; i < 7; i++) {
      rest = longer(rest, now, now);
      delays.push(rest.delayMs / 1000);
      now = restEnds(rest, now) + 1000;
    }
    assert.deepEqual(delays, [10, 20, 40, 80, 160, 300, 300]);
    assert.deepEqual(delays.map((seconds) => formatSeconds(seconds * 1000)).slice(-3), ['2m40s', '5m0s', '5m0s']);
  });

  test('a rest is forgotten by what ran longer than ten minutes since', () => {
    const rest = { delayMs: 5 * minute, updatedAt: 0 };
    assert.equal(restEnds(rest, 10 * minute), 15 * minute);
    assert.equal(longer(rest, 10 * minute, 10 * minute).delayMs, 5 * minute);
    assert.equal(restEnds(rest, 10 * minute + 1), 10 * minute + 1);
    assert.equal(longer(rest, 10 * minute + 1, 10 * minute + 1).delayMs, 10_000);
    assert.equal(restEnds(undefined, 7), 7);
  });
});
