import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { readCdi } from './read.ts';

suite('node-agent/devices/cdi/read', () => {
  let dir: string;
  setup(() => (dir = mkdtempSync(path.join(os.tmpdir(), 'wherry-cdi-'))));
  teardown(() => rmSync(dir, { recursive: true, force: true }));

  const spec = (name: string) =>
    `{cdiVersion: 0.3.0, kind: v/c, devices: [{name: ${name}, containerEdits: {env: [A=b]}}]}`;
  const found = async (...limits: Parameters<typeof readCdi> extends [unknown, ...infer Rest] ? Rest : never) => {
    const { devices, faults } = await readCdi([`${dir}/none`, `${dir}/one`, `${dir}/two`], ...limits);
    return { names: [...devices.keys()], faults: faults.map((fault) => fault.replaceAll(dir, '')) };
  };

  test('readCdi() reads what is JSON or YAML by its name, through links too, and waits for nothing', async () => {
    for (const folder of ['one', 'two', 'one/folder.yaml']) mkdirSync(`${dir}/${folder}`);
    writeFileSync(`${dir}/one/a.yaml`, spec('a'));
    writeFileSync(`${dir}/one/b.txt`, spec('b'));
    writeFileSync(`${dir}/two/c.json`, JSON.stringify({ cdiVersion: '0.3.0' }));
    symlinkSync(`${dir}/one/b.txt`, `${dir}/two/d.yaml`);
    symlinkSync('nowhere', `${dir}/two/e.yaml`);
    execFileSync('mkfifo', [`${dir}/two/f.json`]);
    const { names, faults } = await found();
    assert.deepEqual(names, ['v/c=a', 'v/c=b']);
    assert.deepEqual(faults, [
      "/two/e.yaml: ENOENT: no such file or directory, open '/two/e.yaml'",
      '/two/f.json: is no file',
      '/two/c.json: kind: "" is not of the form vendor.com/class',
    ]);
  });

  test('readCdi() reads so many files, of such a size', async () => {
    mkdirSync(`${dir}/one`);
    for (const name of ['a', 'b', 'c'])
      writeFileSync(`${dir}/one/${name}.yaml`, spec(name) + ' '.repeat(name === 'b' ? 99 : 0));
    assert.deepEqual(await found({ files: 2, bytesOfFile: 99 }), {
      names: ['v/c=a'],
      faults: ['/one: of more than 2 files, the first count', '/one/b.yaml: is larger than 99 bytes'],
    });
  });
});
