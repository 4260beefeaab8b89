import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { makeEnd, makePod, makeRun, makeSeen } from '../lifecycle/pods.fixture.ts';
import { collectOnce } from './image-garbage.ts';
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

  test('collectOnce() removes the longest unused until enough is free, and goes on past one that cannot be', async () => {
    const image = (id: string, lastUsedAt: number) => ({ id, tags: [], digests: [], sizeBytes: 10, lastUsedAt });
    const list = [image('new', 999_000), image('old', 2), image('used', 0), image('kept', 0), image('older', 1)];
    const env = makeFakeEnv({ startMs: 1_000_000 });
    const removed: string[] = [];
    const images = {
      list: () => Promise.resolve(list),
      noteUse: () => Promise.resolve(),
      remove: (id: string) => {
        if (id === 'kept') return Promise.reject(new Error('in use'));
        removed.push(id);
        return Promise.resolve();
      },
    };
    const pods = { all: () => [makeSeen(makePod(), [makeEnd('app', 1, { imageId: 'used' })])] };
    const once = async (free: number) => {
      const disk = () => Promise.resolve({ blocks: 100, bavail: free, bsize: 1 });
      await collectOnce({ env, images, pods, imageDir: '/', disk });
      return removed.splice(0);
    };
    assert.deepEqual(await once(16), []);
    assert.deepEqual(await once(12), ['older']);
    assert.deepEqual(await once(0), ['older', 'old']);
  });
});
