import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { canSetMountsBelow, probeFeatures } from './features.ts';

suite('features of the runtime', () => {
  test('canSetMountsBelow() goes by the kernel’s release', () => {
    const able = ['5.12.0', '5.15.0-91-generic', '6.1.0-13-amd64', '10.0'];
    assert.deepEqual(able.map(canSetMountsBelow), [true, true, true, true]);
    assert.deepEqual(['5.11.22', '4.19.0', 'strange'].map(canSetMountsBelow), [false, false, false]);
  });

  test('probeFeatures() tries user namespaces and leaves nothing, or says why there are none', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'wherry-features-'));
    try {
      const { noUserNamespaces } = await probeFeatures(path.join(folder, 'state'), path.join(folder, 'run'));
      assert.notEqual(noUserNamespaces, '');
      assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(folder));
      // A file system that knows nothing of other owners.
      const refused = await probeFeatures('/proc', path.join(folder, 'run'));
      assert.match(refused.noUserNamespaces!, /cannot show other owners|user namespace|unshare/);
      assert.deepEqual(execFileSync('ls', ['-A', path.join(folder, 'run')], { encoding: 'utf8' }), '');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
