import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { silentLog } from '#lib/env/log.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import { eventually } from '../../test/harness/cluster.ts';
import { followNodeRegistries } from './node-registries.ts';
import type { NodeRegistries } from './node-registries.ts';

const env = { ...makeRealEnv({ service: 'test' }), log: silentLog };

suite('node-registries', () => {
  let folder: string;
  let followed: NodeRegistries | undefined;

  setup(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'wherry-registries-'));
  });
  teardown(() => {
    followed?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const put = (name: string, text: string) => {
    writeFileSync(path.join(folder, `${name}.new`), text);
    renameSync(path.join(folder, `${name}.new`), path.join(folder, name));
  };
  const mirrorsOf = async (host: string) => (await followed!.registries()).mirrors.get(host)?.endpoints;

  test('followNodeRegistries() does without files, and takes over what comes and changes', async () => {
    followed = followNodeRegistries(folder, env);
    assert.equal(await mirrorsOf('docker.io'), undefined);
    assert.deepEqual(followed.credentials('a.example/x'), []);
    put('registries.yaml', 'mirrors:\n  docker.io:\n    endpoint: [one.example]\nconfigs:\n');
    put('config.json', JSON.stringify({ auths: { 'a.example': { username: 'u', password: 'p' } } }));
    await eventually('the mirror', async () => (await mirrorsOf('docker.io'))?.[0] === 'one.example');
    await eventually('the login', () => followed!.credentials('a.example/x')[0]?.username === 'u');
    put('registries.yaml', 'mirrors:\n  docker.io:\n    endpoint: [two.example]\n');
    await eventually('the other mirror', async () => (await mirrorsOf('docker.io'))?.[0] === 'two.example');
    rmSync(path.join(folder, 'config.json'));
    await eventually('no login', () => followed!.credentials('a.example/x').length === 0);
  });

  test('followNodeRegistries() reads scalars as they stand, and keeps what it had when a file is broken', async () => {
    put('registries.yaml', 'configs:\n  a.example:\n    auth: {username: me, password: 0123}\n');
    followed = followNodeRegistries(folder, env);
    const password = async () => (await followed!.registries()).configs.get('a.example')?.auth?.password;
    assert.equal(await password(), '0123');
    put('registries.yaml', 'configs: [');
    put('config.json', 'no JSON');
    put('registries.yaml', 'configs: 7');
    put('registries.yaml', 'configs: {a.example: {auth: {username: me, password: new}}}');
    await eventually('the repaired file', async () => (await password()) === 'new');
  });
});
