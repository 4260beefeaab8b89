import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
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

  test('pinMountNamespace() binds folders for the namespace alone, once, also in one that is there', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'wherry-mnt-'));
    const pin = `${folder}/pins/node`;
    const inside = (...command: string[]) => run('nsenter', [`--mount=${pin}`, ...command]);
    try {
      await pinMountNamespace(pin);
      for (let i = 0; i < 2; i++) await pinMountNamespace(pin, [{ from: `${folder}/own`, to: `${folder}/place` }]);
      await inside('touch', `${folder}/place/file`);
      assert.deepEqual(readdirSync(`${folder}/own`), ['file']);
      assert.deepEqual(readdirSync(`${folder}/place`), []);
      assert.equal((await inside('grep', '-c', ` ${folder}/place `, '/proc/self/mountinfo')).trim(), '1');
      // Of folders on one file system only the kernel's table tells that they are mounted.
      mkdirSync(`${folder}/place/below`);
      assert.equal((await inside('ls', `${folder}/place`)).trim(), 'file');
    } finally {
      await releaseMountNamespaces(`${folder}/pins`, [pin]);
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
