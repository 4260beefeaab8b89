import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readInRoot, resolveInRoot } from './rootfs-file.ts';

suite('image files', () => {
  let root: string;
  setup(() => {
    root = mkdtempSync(path.join(tmpdir(), 'wherry-root-'));
    mkdirSync(path.join(root, 'etc'));
    writeFileSync(path.join(root, 'etc/passwd'), 'inside');
    symlinkSync('/etc/passwd', path.join(root, 'absolute'));
    symlinkSync('../../../../etc/passwd', path.join(root, 'etc/climbing'));
    symlinkSync('/loop', path.join(root, 'loop'));
    symlinkSync('/etc', path.join(root, 'folder'));
  });
  teardown(() => rmSync(root, { recursive: true }));

  test('readInRoot() never leaves the image', () => {
    for (const file of ['/etc/passwd', '/absolute', '/etc/climbing', '/folder/passwd', '/../../etc/passwd'])
      assert.equal(readInRoot(root, file), 'inside', file);
  });

  test('readInRoot() answers with nothing for what is no file', () => {
    for (const file of ['/none', '/loop', '/etc', '/loop/passwd']) assert.equal(readInRoot(root, file), '', file);
    assert.equal(resolveInRoot(root, '/none/at/all'), undefined);
  });
});
