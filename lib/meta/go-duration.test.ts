import assert from 'node:assert/strict';
import { parseGoDuration } from './go-duration.ts';

suite('parseGoDuration()', () => {
  const good: [text: string, ms: number][] = [
    ['0', 0],
    ['0s', 0],
    ['300ms', 300],
    ['-1.5h', -5_400_000],
    ['+2h45m', 9_900_000],
    ['1m.5s', 60_500],
    ['1us', 0.001],
    ['3µs', 0.003],
  ];
  for (const [text, ms] of good) test(`reads ${text}`, () => assert.deepEqual(parseGoDuration(text), { ms }));

  const bad: [text: string, fault: string][] = [
    ['', 'invalid duration ""'],
    ['-', 'invalid duration "-"'],
    ['x', 'invalid duration "x"'],
    ['5', 'missing unit in duration "5"'],
    ['5d', 'unknown unit "d" in duration "5d"'],
    ['1s5', 'missing unit in duration "1s5"'],
    ['1s x', 'unknown unit "s x" in duration "1s x"'],
    ['9999999h', 'invalid duration "9999999h"'],
  ];
  for (const [text, fault] of bad)
    test(`complains about '${text}'`, () => assert.deepEqual(parseGoDuration(text), { fault: `time: ${fault}` }));
});
