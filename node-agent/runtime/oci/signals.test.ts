import assert from 'node:assert/strict';
import { signalNumber } from './signals.ts';

suite('signals', () => {
  test('signalNumber() reads what images say', () => {
    const signals = Object.fromEntries(
      ['SIGTERM', 'quit', '10', 'SIGRTMIN+3', 'RTMAX-1', '', 'SIGWHAT', '99'].map((name) => [name, signalNumber(name)]),
    );
    assert.deepEqual(signals, {
      SIGTERM: 15,
      quit: 3,
      '10': 10,
      'SIGRTMIN+3': 37,
      'RTMAX-1': 63,
      '': 15,
      SIGWHAT: 15,
      '99': 15,
    });
  });
});
