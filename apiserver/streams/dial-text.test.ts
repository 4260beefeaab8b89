import assert from 'node:assert/strict';
import { dialText } from './dial-text.ts';

suite('dialText()', () => {
  for (const [said, told] of [
    ['connect ECONNREFUSED 127.0.0.1:1', 'dial tcp 127.0.0.1:1: connect: connection refused'],
    ['connect EHOSTUNREACH fd00::2:10250', 'dial tcp [fd00::2]:10250: connect: no route to host'],
    [
      'No connection established. Last error: connect ETIMEDOUT 10.0.0.1:80 (now)',
      'No connection established. Last error: dial tcp 10.0.0.1:80: connect: connection timed out (now)',
    ],
    ['something else', 'something else'],
  ] as const)
    test(`says ${told}`, () => {
      assert.equal(dialText(said), told);
    });
});
