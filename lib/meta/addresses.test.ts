import assert from 'node:assert/strict';
import { isIP as nodeIsIP } from 'node:net';
import fc from 'fast-check';
import { isCidr, isIP } from './addresses.ts';

suite('addresses', () => {
  test('isIP() agrees with Node', () => {
    for (const text of [
      '1.2.3.4',
      '256.1.1.1',
      '01.2.3.4',
      '1.2.3',
      '::',
      '::1',
      '1::2::3',
      'fe80::1',
      '::ffff:1.2.3.4',
      'g::',
      '',
    ]) {
      assert.equal(isIP(text), nodeIsIP(text) !== 0, text);
    }
    fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => isIP(text)));
  });

  test('isCidr() wants a length within the family', () => {
    for (const text of ['10.0.0.0/8', '::/0', 'fd00::/64']) assert.ok(isCidr(text), text);
    for (const text of ['10.0.0.0', '10.0.0.0/33', '::/129', '10.0.0.0/08', '/8']) assert.ok(!isCidr(text), text);
  });
});
