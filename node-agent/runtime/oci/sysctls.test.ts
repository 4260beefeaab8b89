import assert from 'node:assert/strict';
import { settingsOf } from './sysctls.ts';

suite('kernel settings', () => {
  test("settingsOf() takes only settings of the pod's own namespaces", () => {
    const own = { hostNetwork: false, hostIpc: false };
    assert.deepEqual(
      settingsOf({ ...own, sysctls: { 'kernel.shm_rmid_forced': '1', 'net.ipv4.conf.eth0/1.arp_ignore': '2' } }).slice(
        2,
      ),
      ['kernel/shm_rmid_forced=1', 'net/ipv4/conf/eth0.1/arp_ignore=2'],
    );
    for (const name of ['kernel.panic', 'vm.swappiness', 'net/../kernel/panic', 'fs.file-max'])
      assert.throws(() => settingsOf({ ...own, sysctls: { [name]: '1' } }), /not in a separate kernel namespace/);
    assert.throws(
      () => settingsOf({ ...own, hostNetwork: true, sysctls: { 'net.core.somaxconn': '1' } }),
      /not in a separate/,
    );
    assert.throws(
      () => settingsOf({ ...own, sysctls: { 'net.core.somaxconn': '1\nkernel/panic=1' } }),
      /not in a separate/,
    );
  });

  test('settingsOf() counts groups of a pod with users of its own as the node does', () => {
    const ids = { first: 131_072, count: 65_536 };
    const own = { hostNetwork: false, hostIpc: false, sysctls: {} };
    assert.ok(settingsOf(own, ids).includes('net/ipv4/ping_group_range=131072 196607'));
    const sysctls = { 'net.ipv4.ping_group_range': '10 2147483647', 'net.core.somaxconn': '10' };
    const lines = settingsOf({ ...own, sysctls }, ids);
    assert.ok(lines.includes('net/ipv4/ping_group_range=131082 2147483647') && lines.includes('net/core/somaxconn=10'));
    assert.ok(settingsOf({ ...own, sysctls }).includes('net/ipv4/ping_group_range=10 2147483647'));
  });
});
