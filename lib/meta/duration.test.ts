import assert from 'node:assert/strict';
import { humanDuration } from './duration.ts';

test('humanDuration() says a time as upstream does', () => {
  const cases: [seconds: number, text: string][] = [
    [-2, '<invalid>'],
    [-1, '0s'],
    [0, '0s'],
    [119, '119s'],
    [120, '2m'],
    [125, '2m5s'],
    [599, '9m59s'],
    [600, '10m'],
    [3600 * 3 - 1, '179m'],
    [3600 * 3, '3h'],
    [3600 * 3 + 60 * 5, '3h5m'],
    [3600 * 8, '8h'],
    [3600 * 47, '47h'],
    [3600 * 48, '2d'],
    [3600 * 50, '2d2h'],
    [86400 * 8, '8d'],
    [86400 * 729, '729d'],
    [86400 * 730, '2y'],
    [86400 * 765, '2y35d'],
    [86400 * 365 * 8, '8y'],
  ];
  for (const [seconds, text] of cases) assert.equal(humanDuration(seconds * 1000), text, `${seconds} s`);
});
