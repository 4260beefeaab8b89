import assert from 'node:assert/strict';
import { isWithin } from './blocks.ts';

suite('blocks', () => {
  test('a part is smaller and within', () => {
    const cases: [inner: string, outer: string, within: boolean][] = [
      ['10.1.0.0/16', '10.0.0.0/8', true],
      ['10.1.2.3/32', '10.1.2.0/31', false],
      ['10.1.2.1/32', '10.1.2.0/31', true],
      ['10.0.0.0/8', '10.0.0.0/8', false],
      ['10.0.0.0/8', '10.1.0.0/16', false],
      ['11.0.0.0/16', '10.0.0.0/8', false],
      ['1.2.3.4/32', '0.0.0.0/0', true],
      ['fd00:1::/64', 'fd00::/8', true],
      ['fe00::/64', 'fd00::/8', false],
      ['::ffff:10.0.0.1/128', '::ffff:a00:0/120', true],
      ['10.0.0.0/8', '::/0', false],
    ];
    for (const [inner, outer, within] of cases) assert.equal(isWithin(inner, outer), within, `${inner} in ${outer}`);
  });
});
