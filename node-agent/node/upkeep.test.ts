import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { makePod, makeRun, makeSeen } from '../lifecycle/pods.fixture.ts';
import { imagesToRemove } from './image-garbage.ts';
import { rotateOnce } from './log-rotation.ts';

suite('node-agent/node upkeep', () => {
  test('rotateOnce() puts a grown log aside, keeps so many, and mends what a crash left', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'wherry-rotation-'));
    try {
      const logPath = path.join(folder, '0.log');
      const env = makeFakeEnv();
      const runtime = {
        reopenLog: () => {
          writeFileSync(logPath, 'new');
          return Promise.resolve();
        },
      };
      const pods = { all: () => [makeSeen(makePod(), [makeRun('app', { logPath })])] };
      const once = () => rotateOnce({ env, runtime, pods, maxBytes: 10, maxFiles: 3 });
      writeFileSync(logPath, 'short');
      await once();
      assert.equal(readFileSync(logPath, 'utf8'), 'short');
      for (let i = 0; i < 5; i++) {
        writeFileSync(logPath, `long enough ${i}`);
        await env.advance(1000);
        await once();
      }
      assert.equal(readdirSync(folder).length, 3);
      const newest = readdirSync(folder)
        .toSorted((a, b) => (a < b ? -1 : 1))
        .at(-1)!;
      assert.equal(readFileSync(path.join(folder, newest), 'utf8'), 'long enough 4');
      rmSync(logPath);
      await once();
      assert.equal(readFileSync(logPath, 'utf8'), 'new');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('imagesToRemove() takes the longest unused until enough is free, and none in use or new', () => {
    const image = (id: string, lastUsedAt: number) => ({ id, tags: [], digests: [], sizeBytes: 10, lastUsedAt });
    const list = [image('new', 999_000), image('old', 1), image('used', 0), image('older', 0)];
    const ids = (bytes: number) => imagesToRemove(list, new Set(['used']), bytes, 1_000_000).map(({ id }) => id);
    assert.deepEqual(ids(10), ['older']);
    assert.deepEqual(ids(1000), ['older', 'old']);
    assert.deepEqual(ids(0), []);
  });
});
