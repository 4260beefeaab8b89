import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runCommand } from '#lib/env/command.ts';
import { boundLayer, canLimitFolders } from './bounded-layer.ts';

const mebi = 2 ** 20;

suite('bounded layers', () => {
  let folder: string;
  setup(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'wherry-layer-'));
  });
  teardown(() => rmSync(folder, { recursive: true }));

  test('canLimitFolders() says no of file systems that keep no quotas', () => {
    assert.equal(canLimitFolders('/proc'), false);
    assert.equal(canLimitFolders(path.join(folder, 'missing')), false);
  });

  test('boundLayer() holds all below a folder to a project quota (needs a file system with them)', async function () {
    if (!canLimitFolders(folder)) return this.skip();
    const bound = (name: string, bytes: number) => {
      const layer = path.join(folder, name);
      return boundLayer('id', { layer, layerDisk: `${layer}.disk` }, bytes, true);
    };
    // As a container, and as an overlay for it: who may override limits does.
    const write = async (name: string, count: number) => {
      const dd = ['dd', 'if=/dev/zero', `of=${path.join(folder, name)}`, 'bs=1M', `count=${count}`];
      return (await runCommand('setpriv', ['--bounding-set', '-sys_resource', ...dd])).stderr;
    };
    await bound('one', 4 * mebi);
    await bound('two', 4 * mebi);
    mkdirSync(path.join(folder, 'one/upper'));
    assert.match(await write('one/upper/x', 6), /quota exceeded/);
    assert.match(await write('two/x', 3), /3\+0 records out/);
    await bound('one', 8 * mebi);
    assert.match(await write('one/upper/x', 6), /6\+0 records out/);
    assert.match(await write('one/y', 3), /quota exceeded/);
    assert.match(await write('free', 12), /12\+0 records out/);
    assert.equal(existsSync(path.join(folder, 'one.disk')), false);
  });
});
