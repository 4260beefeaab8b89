import assert from 'node:assert/strict';
import { isOn, numberOf } from './query.ts';

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

  test('numberOf() reads what fits 64 bits, and says what does not as Go does', () => {
    const read = (value: string) => numberOf(new URLSearchParams({ a: value }), 'a');
    assert.deepEqual(['', '0', '-1', '+5', '007'].map(read), [undefined, 0, -1, 5, 7]);
    assert.throws(() => read('1.5'), { message: 'strconv.ParseInt: parsing "1.5": invalid syntax' });
    const huge = '9'.repeat(19);
    assert.throws(() => read(huge), { message: `strconv.ParseInt: parsing "${huge}": value out of range` });
  });
});
