import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { makeContainer, makePod } from '../lifecycle/pods.fixture.ts';
import { makeCpus } from './cpus.ts';

suite('node-agent/cpus/cpus', () => {
  let folder: string;
  setup(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'wherry-cpus-'));
  });
  teardown(() => rmSync(folder, { recursive: true }));

  const machine = [0, 1, 2, 3].map((id) => ({ id, core: id, socket: 0 }));
  const guaranteed = makePod({
    containers: [makeContainer('app', { resources: { limits: { cpu: '2', memory: '1Mi' } } })],
  });
  const { uid } = guaranteed.metadata;
  const open = (policy: 'none' | 'static' = 'static') => {
    const moved: string[] = [];
    const cpus = makeCpus({
      env: makeFakeEnv(),
      file: path.join(folder, 'cpu_manager_state'),
      policy,
      plan: { machine, reserved: [0] },
      runtime: {
        pin: async (cpusOf) => void moved.push(`${cpusOf(uid, 'app')} ${cpusOf('other', 'app')}`),
      },
    });
    return { cpus, moved, file: path.join(folder, 'cpu_manager_state') };
  };

  test('makeCpus() writes down what it gives before it moves anybody, and finds it again', async () => {
    const { cpus, moved, file } = open();
    assert.equal(cpus.admit(guaranteed), undefined);
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), {
      policyName: 'static',
      defaultCpuSet: '0,3',
      entries: { [uid]: { app: '1-2' } },
    });
    await cpus.spread();
    assert.equal(moved.at(-1), '1-2 0,3');
    const again = open().cpus;
    assert.deepEqual([again.of(uid, 'app'), again.of(uid, 'helper')], ['1-2', '0,3']);
    again.keepOnly(() => false);
    assert.equal(again.of(uid, 'app'), '0-3');
  });

  test('makeCpus() undoes what another policy did, and then forgets it', async () => {
    open().cpus.admit(guaranteed);
    const { cpus, moved, file } = open('none');
    assert.deepEqual([cpus.admit(guaranteed), cpus.of(uid, 'app'), existsSync(file)], [undefined, undefined, true]);
    await cpus.spread();
    assert.deepEqual([moved, existsSync(file)], [['0-3 0-3'], false]);
  });
});
