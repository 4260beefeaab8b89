import assert from 'node:assert/strict';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { makeEnd, makeRun, makeSandbox } from '../lifecycle/pods.fixture.ts';
import { linkName, makeLogLinks } from './log-links.ts';
import type { LogLinks } from './log-links.ts';

suite('log-links', () => {
  let root: string;
  let dir: string;
  let links: LogLinks;

  setup(() => {
    root = mkdtempSync(`${os.tmpdir()}/wherry-log-links-`);
    dir = `${root}/containers`;
    mkdirSync(dir);
    links = makeLogLinks(dir, makeFakeEnv());
  });
  teardown(() => rmSync(root, { recursive: true, force: true }));

  const logOf = (name: string) => {
    const logPath = `${root}/${name}.log`;
    writeFileSync(logPath, '');
    return { logPath };
  };

  test('linkName() is upstream’s, and no longer than a name of a file may be', () => {
    const id = 'f'.repeat(64);
    assert.equal(linkName({ name: 'web', namespace: 'shop' }, { name: 'app', id }), `web_shop_app-${id}.log`);
    const long = { name: 'p'.repeat(253), namespace: 'n'.repeat(63) };
    assert.equal(linkName(long, { name: 'c', id }), `${'p'.repeat(251)}.log`);
    const middling = { name: 'p'.repeat(150), namespace: 'n'.repeat(63) };
    assert.equal(
      linkName(middling, { name: 'app', id }),
      `${'p'.repeat(150)}_${'n'.repeat(63)}_app-${'f'.repeat(32)}.log`,
    );
  });

  test('add() may be repeated, and corrects a link that leads elsewhere', async () => {
    const pod = makeSandbox();
    const run = makeRun('app', logOf('0'));
    for (let i = 0; i < 2; i++) await links.add(pod, run);
    const [name] = readdirSync(dir);
    assert.equal(readlinkSync(`${dir}/${name}`), run.logPath);
    await links.add(pod, { ...run, logPath: '/elsewhere' });
    assert.equal(readlinkSync(`${dir}/${name}`), '/elsewhere');
    assert.equal(readdirSync(dir).length, 1);
  });

  test('tidy() makes what an agent that was killed has not, and keeps links as long as there are logs', async () => {
    const [running, ended] = [makeRun('app', logOf('1')), makeEnd('init', 0, logOf('0'))];
    const lost = makeEnd('lost', 0, { logPath: `${root}/lost.log` });
    const pod = makeSandbox([running, ended, lost]);
    await links.tidy([pod]);
    const both = [linkName(pod, running), linkName(pod, ended)].sort();
    assert.deepEqual(readdirSync(dir).sort(), both);
    // The pod goes, and its logs stay for a while.
    await links.tidy([]);
    assert.deepEqual(readdirSync(dir).sort(), both);
    rmSync(ended.logPath);
    await links.tidy([]);
    assert.deepEqual(readdirSync(dir), [linkName(pod, running)]);
    // Put aside, and not begun anew yet.
    renameSync(running.logPath, `${running.logPath}.20260101`);
    await links.tidy([pod]);
    assert.deepEqual(readdirSync(dir), [linkName(pod, running)]);
    await links.tidy([]);
    assert.deepEqual(readdirSync(dir), []);
  });

  test('tidy() leaves alone what it has not made', async () => {
    writeFileSync(`${dir}/own.log`, 'mine');
    mkdirSync(`${dir}/folder.log`);
    await links.tidy([]);
    assert.deepEqual(readdirSync(dir).sort(), ['folder.log', 'own.log']);
    assert.ok(lstatSync(`${dir}/own.log`).isFile());
  });
});
