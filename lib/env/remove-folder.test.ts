import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { removeFolder } from './remove-folder.ts';

suite('lib/env/remove-folder', () => {
  let root: string;
  setup(() => (root = mkdtempSync(path.join(tmpdir(), 'wherry-remove-'))));
  teardown(() => rmSync(root, { recursive: true, force: true }));

  for (const files of [0, 3, 500]) {
    test(`removeFolder() removes folders within folders, of ${files} files each`, async () => {
      for (const folder of ['a', 'a/b', 'a/b/c']) {
        mkdirSync(path.join(root, folder));
        for (let i = 0; i < files; i++) writeFileSync(path.join(root, folder, `f${i}`), 'x');
      }
      await removeFolder(path.join(root, 'a'));
      assert.equal(existsSync(path.join(root, 'a')), false);
    });
  }

  test('removeFolder() removes a link and leaves what it points at', async () => {
    mkdirSync(path.join(root, 'kept'));
    writeFileSync(path.join(root, 'kept/file'), 'x');
    mkdirSync(path.join(root, 'gone'));
    symlinkSync('../kept', path.join(root, 'gone/link'));
    await removeFolder(path.join(root, 'gone'));
    assert.deepEqual(
      ['gone', 'kept/file'].map((name) => existsSync(path.join(root, name))),
      [false, true],
    );
  });

  test('removeFolder() finds nothing to do where nothing is', async () => {
    await removeFolder(path.join(root, 'never'));
  });

  test('removeFolder() tells of what resists', async () => {
    await assert.rejects(removeFolder('/proc/self/fdinfo'), { code: 'EPERM' });
  });
});
