import assert from 'node:assert/strict';
import { isOn } from './query.ts';

suite('query', () => {
  test('isOn() takes anything but false and 0 for yes, however it is written', () => {
    const values = ['', 'true', 'True', '1', 'yes', 'false', 'False', '0'];
    assert.deepEqual(
      values.filter((value) => isOn(new URLSearchParams({ a: value }), 'a')),
      ['', 'true', 'True', '1', 'yes'],
    );
    assert.equal(isOn(new URLSearchParams(), 'a'), false);
    assert.equal(isOn(new URLSearchParams(), 'a', true), true);
  });
});
