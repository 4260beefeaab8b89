import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import { removeTree } from './mounts.ts';
import { giveToGroup } from './ownership.ts';
import { bindSubPath } from './sub-path.ts';
import { swapForEver } from './swap.fixture.ts';

suite('sub-path and ownership', function () {
  this.timeout(60_000);
  let root: string;
  let volume: string;

  setup(() => {
    root = mkdtempSync(`${os.tmpdir()}/wherry-sub-path-`);
    volume = `${root}/volume`;
    mkdirSync(volume, { mode: 0o777 });
    execFileSync('chmod', ['2777', volume]);
  });
  teardown(() => removeTree(root));

  const bind = (subPath: string) => bindSubPath(volume, subPath, `${root}/targets/0`);

  /** A folder of the node's beside the volume, and in the volume a folder `here` and a link `away` to it that change places. */
  async function makeTrap(): Promise<() => Promise<void>> {
    mkdirSync(`${root}/node/deep`, { recursive: true });
    writeFileSync(`${root}/node/secret`, 'of the node', { mode: 0o600 });
    mkdirSync(`${volume}/here/deep`, { recursive: true });
    writeFileSync(`${volume}/here/mine`, '');
    symlinkSync(`${root}/node`, `${volume}/away`);
    return swapForEver(`${volume}/here`, `${volume}/away`);
  }

  test('bindSubPath() makes what is missing with the mode of the volume, whatever our umask', async () => {
    const umask = process.umask(0o077);
    try {
      await bind('a/b');
    } finally {
      process.umask(umask);
    }
    assert.equal(statSync(`${volume}/a/b`).mode & 0o7777, 0o2777);
    assert.equal(statSync(`${root}/targets/0`).ino, statSync(`${volume}/a/b`).ino);
    execFileSync('chmod', ['750', `${volume}/a/b`]);
    await bind('a/b');
    assert.equal(statSync(`${volume}/a/b`).mode & 0o777, 0o750);
  });

  test('bindSubPath() binds anew what has become something else since the last run', async () => {
    writeFileSync(`${volume}/x`, 'file');
    await bind('x');
    assert.equal(readFileSync(`${root}/targets/0`, 'utf8'), 'file');
    rmSync(`${volume}/x`);
    mkdirSync(`${volume}/x/inside`, { recursive: true });
    await bind('x');
    assert.deepEqual(readdirSync(`${root}/targets/0`), ['inside']);
    renameSync(`${volume}/x`, `${volume}/kept`);
    writeFileSync(`${volume}/x`, 'again');
    await bind('x');
    assert.equal(readFileSync(`${root}/targets/0`, 'utf8'), 'again');
    assert.ok(existsSync(`${volume}/kept/inside`));
  });

  test('bindSubPath() never gets out of a volume in which a folder and a link change places', async () => {
    const stop = await makeTrap();
    let [inside, refused] = [0, 0];
    try {
      // As many rounds as it takes to have been late and early; more than enough otherwise.
      for (let round = 0; round < 300 || ((inside === 0 || refused === 0) && round < 20_000); round++) {
        const subPath = ['here', 'here/deep', `here/new-${round}`][round % 3]!;
        const bound = await bind(subPath).catch(() => undefined);
        if (bound === undefined) {
          refused++;
          continue;
        }
        inside++;
        const seen = readdirSync(bound);
        assert.ok(!seen.includes('secret'), `${subPath} is bound to the node's folder`);
        assert.deepEqual(seen.includes('mine'), subPath === 'here');
      }
    } finally {
      await stop();
    }
    assert.ok(inside > 0 && refused > 0, `${inside} bound, ${refused} refused`);
    assert.deepEqual(readdirSync(`${root}/node`).sort(), ['deep', 'secret']);
  });

  test('giveToGroup() never gives away what a link in the volume leads to', async () => {
    const stop = await makeTrap();
    const before = statSync(`${root}/node/secret`);
    try {
      for (let round = 0; round < 300; round++) await giveToGroup(volume, 4000 + round, 'Always');
    } finally {
      await stop();
    }
    for (const [name, mode] of [
      ['node/secret', 0o600],
      ['node/deep', 0o755],
      ['node', 0o755],
    ] as const) {
      const { gid, mode: found } = statSync(`${root}/${name}`);
      assert.deepEqual([gid, found & 0o7777], [before.gid, mode], name);
    }
    await giveToGroup(volume, 5000, 'Always');
    const inside = readdirSync(volume).find((name) => existsSync(`${volume}/${name}/mine`))!;
    assert.deepEqual([statSync(`${volume}/${inside}/mine`).gid, statSync(volume).gid], [5000, 5000]);
    assert.equal(statSync(`${volume}/${inside}/mine`).mode & 0o660, 0o660);
  });
});
