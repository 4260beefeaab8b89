import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { makeFakeEnv } from '#lib/env/fake.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { makeContainer, makeEnd, makePod, makeRun, makeSeen } from '../lifecycle/pods.fixture.ts';
import type { Seen } from '../lifecycle/types.ts';
import { heedOnce } from './heed-limits.ts';
import { measureFolders } from './measure.ts';

suite('node-agent/storage/heed-limits', () => {
  let folder: string;
  setup(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'wherry-limits-'));
  });
  teardown(() => rmSync(folder, { recursive: true, force: true }));

  const fill = (file: string, bytes: number) => {
    mkdirSync(path.dirname(`${folder}/${file}`), { recursive: true });
    writeFileSync(`${folder}/${file}`, Buffer.alloc(bytes, 'x'));
  };
  async function evicted(...all: Seen[]): Promise<string[]> {
    const messages: string[] = [];
    await heedOnce({
      env: makeFakeEnv(),
      logDir: `${folder}/logs`,
      runtime: {
        layers: () =>
          Promise.resolve([
            { id: makeRun('app', { attempt: 1 }).id, name: 'app', folder: `${folder}/upper` },
            { id: makeEnd('app').id, name: 'app', folder: `${folder}/earlier` },
          ]),
      },
      pods: { all: () => all, evict: (_uid, { message }) => void messages.push(message) },
    });
    return messages;
  }
  const withLimit = (limit: string): Pod =>
    makePod({ containers: [makeContainer('app', { resources: { limits: { 'ephemeral-storage': limit } } })] });

  test('heedOnce() counts a container that runs by its layer and its logs', async () => {
    fill('upper/deep/file', 1_000_000);
    fill('earlier/file', 10_000_000);
    const runs = [makeEnd('app'), makeRun('app', { attempt: 1 })];
    fill('logs/default_web_uid-1/app/0.log', 1_000_000);
    assert.deepEqual(await evicted(makeSeen(withLimit('4Mi'), runs)), []);
    assert.deepEqual(await evicted(makeSeen(withLimit('1Mi'), runs)), [
      'Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. ',
    ]);
  });

  test('heedOnce() counts volumes on the disk, and nothing of pods that have ended', async () => {
    fill('scratch/big', 2_000_000);
    const seen = (sizeLimit: string, medium: '' | 'Memory', phase = 'Running') => {
      const pod = makePod({ volumes: [{ name: 'scratch', emptyDir: { sizeLimit, medium } }] }, {
        phase,
      } as Pod['status']);
      return makeSeen(pod, [makeRun('app')], { volumes: { scratch: `${folder}/scratch` } });
    };
    assert.deepEqual(await evicted(seen('4Mi', ''), seen('1Mi', 'Memory'), seen('1Mi', '', 'Failed')), []);
    assert.deepEqual(await evicted(seen('1Mi', '')), ['Usage of EmptyDir volume "scratch" exceeds the limit "1Mi". ']);
  });

  test('measureFolders() leaves out what is gone', async () => {
    fill('here/a', 5000);
    fill('here/b', 5000);
    const inodes = await measureFolders([`${folder}/here`, `${folder}/gone`], 'inodes');
    assert.deepEqual([...inodes], [[`${folder}/here`, 3]]);
    assert.ok((await measureFolders([`${folder}/here`])).get(`${folder}/here`)! >= 10_000);
    assert.equal((await measureFolders([])).size, 0);
  });
});
