import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { makeEnd, makePod, makeRun, makeSeen } from '../lifecycle/pods.fixture.ts';
import { nodeAsRegarded } from '../upkeep.ts';
import { collectImages, collectOnce } from './image-garbage.ts';
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
    const told: string[] = [];
    const events = {
      record: ({ reason, message }: { reason: string; message: string }) => told.push(`${reason}: ${message}`),
    };
    const node = nodeAsRegarded('n1');
    const images = {
      dropStale: () => Promise.resolve(),
      list: () => Promise.resolve(list),
      noteUse: () => Promise.resolve(),
      remove: (id: string) => {
        if (id === 'kept') return Promise.reject(new Error('in use'));
        removed.push(id);
        return Promise.resolve();
      },
    };
    const pods = { all: () => [makeSeen(makePod(), [makeEnd('app', 1, { imageId: 'used' })])] };
    let free = 16;
    const disk = () => Promise.resolve({ blocks: 100, bavail: free, bsize: 1 });
    const options = { env, images, pods, events, node, imageDir: '/', disk };
    const once = async (available: number) => {
      free = available;
      await collectOnce({ ...options, highPercent: 100 });
      assert.deepEqual(removed, [], 'at 100 % nothing ever goes');
      await collectOnce(options);
      return removed.splice(0);
    };
    assert.deepEqual(await once(16), []);
    assert.deepEqual(await once(12), ['older']);
    assert.deepEqual(await once(0), ['older', 'old']);
    const failure = (found: number) =>
      `Failed to garbage collect required amount of images. Attempted to free 20 bytes, but only found ${found} bytes eligible to free.`;
    list.splice(0, 2);
    await assert.rejects(once(0), { message: failure(10) });
    assert.deepEqual(told.splice(0), [`FreeDiskSpaceFailed: ${failure(10)}`]);

    // What fails again and again is told of as such.
    const ending = new AbortController();
    const collecting = collectImages(options, ending.signal);
    await env.advance(10 * 60_000);
    ending.abort();
    await env.advance(60_000);
    await collecting;
    assert.deepEqual(told, [
      `FreeDiskSpaceFailed: ${failure(10)}`,
      `FreeDiskSpaceFailed: ${failure(10)}`,
      `ImageGCFailed: ${failure(10)}`,
    ]);
  });
});
