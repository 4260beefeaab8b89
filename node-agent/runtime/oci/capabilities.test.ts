import assert from 'node:assert/strict';
import { capabilitiesInMask, grantCapabilities } from './capabilities.ts';

suite('capabilities', () => {
  const all = capabilitiesInMask('1ffffffffff');
  const grant = (add: string[], drop: string[], privileged = false, ofNode = all) =>
    grantCapabilities({ privileged, add, drop }, ofNode);

  test('grantCapabilities() gives fourteen to whoever asks for nothing', () => {
    assert.equal(grant([], []).length, 14);
    assert.ok(grant([], []).includes('CAP_NET_RAW'));
  });

  test('grantCapabilities() adds, drops, and takes ALL first', () => {
    assert.ok(grant(['sys_time', 'CAP_NET_ADMIN'], []).includes('CAP_SYS_TIME'));
    assert.ok(!grant([], ['NET_RAW']).includes('CAP_NET_RAW'));
    assert.deepEqual(grant(['CHOWN'], ['ALL']), ['CAP_CHOWN']);
    assert.deepEqual(
      grant(['ALL'], ['CHOWN']),
      all.filter((name) => name !== 'CAP_CHOWN'),
    );
    assert.deepEqual(grant([], ['ALL'], true), all);
  });

  test('grantCapabilities() gives nothing that the node lacks, and refuses unknown names', () => {
    assert.deepEqual(grant(['ALL'], [], false, ['CAP_KILL']), ['CAP_KILL']);
    assert.throws(() => grant(['FLY'], []), /unknown capability "CAP_FLY"/);
  });

  test('capabilitiesInMask() reads a process status', () => {
    assert.deepEqual(capabilitiesInMask('0000000000000021'), ['CAP_CHOWN', 'CAP_KILL']);
  });
});
