import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { isMounted, pinMountNamespace, releaseMountNamespaces } from './mount-namespace.ts';
import { run } from './run.ts';

suite('mount namespace', () => {
  test('pinMountNamespace() keeps mounts between processes and from the machine; releaseMountNamespaces() removes the pin', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'wherry-mnt-'));
    const pin = `${folder}/pins/node`;
    try {
      await pinMountNamespace(pin);
      await pinMountNamespace(pin);
      await run('nsenter', [`--mount=${pin}`, 'mount', '-t', 'tmpfs', 'none', '/mnt']);
      assert.match(await run('nsenter', [`--mount=${pin}`, 'grep', ' /mnt ', '/proc/self/mountinfo']), /tmpfs/);
      assert.equal(isMounted('/mnt'), false);
    } finally {
      await releaseMountNamespaces(`${folder}/pins`, [pin]);
    }
    assert.equal(isMounted(pin), false);
    assert.equal(existsSync(`${folder}/pins`), false);
    rmSync(folder, { recursive: true, force: true });
  });
});
