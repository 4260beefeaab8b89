import assert from 'node:assert/strict';
import { formatGoDuration, parseGoDuration } from './go-duration.ts';

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

suite('formatGoDuration()', () => {
  const texts: [ms: number, text: string][] = [
    [0, '0s'],
    [0.5, '500µs'],
    [0.000_001, '1ns'],
    [1.5, '1.5ms'],
    [100, '100ms'],
    [1000, '1s'],
    [60_500, '1m0.5s'],
    [90_000, '1m30s'],
    [300_000, '5m0s'],
    [-5_400_000, '-1h30m0s'],
    [360_000_000, '100h0m0s'],
  ];
  for (const [ms, text] of texts) {
    test(`writes ${text}`, () => {
      assert.equal(formatGoDuration(ms), text);
      assert.deepEqual(parseGoDuration(text), { ms });
    });
  }
});
