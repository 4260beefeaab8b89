import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { followFiles } from './live-file.ts';
import type { Live } from './live-file.ts';
import { makeLog } from './log.ts';
import { makeRealEnv } from './real.ts';

suite('followFiles()', () => {
  let folder: string;
  let file: string;
  let logged: string[];
  let live: Live<string>;
  const env = () => ({
    ...makeRealEnv({ service: 'test' }),
    log: makeLog({ level: 'info', format: 'text', now: Date.now, write: (line) => logged.push(line) }),
  });
  const follow = (at: string) =>
    followFiles(
      'word',
      [at],
      () => {
        const text = readFileSync(at, 'utf8');
        if (text.startsWith('!')) throw new Error('no word');
        return text;
      },
      (a, b) => a === b,
      env(),
    );
  setup(() => {
    folder = mkdtempSync(join(tmpdir(), 'wherry-live-'));
    file = join(folder, 'word');
    logged = [];
    writeFileSync(file, 'one');
  });
  teardown(() => {
    live?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const until = async (condition: () => boolean) => {
    const deadline = Date.now() + 10_000;
    while (!condition()) {
      assert.ok(Date.now() < deadline, 'the change was never told');
      await sleep(10);
    }
  };

  test('tells a file that was written, replaced, or made again', async () => {
    const told: string[] = [];
    live = follow(file);
    live.onChange((now, before) => told.push(`${before}>${now}`));
    writeFileSync(file, 'two');
    await until(() => live.current === 'two');
    writeFileSync(join(folder, 'new'), 'three');
    renameSync(join(folder, 'new'), file);
    await until(() => live.current === 'three');
    rmSync(file);
    await until(() => logged.some((line) => line.includes('Cannot take over')));
    assert.equal(live.current, 'three');
    writeFileSync(file, 'four');
    await until(() => live.current === 'four');
    assert.deepEqual(told, ['one>two', 'two>three', 'three>four']);
  });

  test('keeps what held before when the file is no good, and says so', async () => {
    live = follow(file);
    writeFileSync(file, '!');
    await until(() => logged.some((line) => line.includes('no word')));
    assert.equal(live.current, 'one');
    writeFileSync(file, 'five');
    await until(() => live.current === 'five');
  });

  test('follows links that are turned as Kubernetes turns those of mounted files', async () => {
    for (const name of ['..1', '..2']) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'key'), name);
    }
    symlinkSync('..1', join(folder, '..data'));
    symlinkSync('..data/key', join(folder, 'key'));
    live = follow(join(folder, 'key'));
    assert.equal(live.current, '..1');
    symlinkSync('..2', join(folder, '..next'));
    renameSync(join(folder, '..next'), join(folder, '..data'));
    await until(() => live.current === '..2');
  });

  test('throws what the first reading throws', () => {
    assert.throws(() => follow(join(folder, 'absent')), /ENOENT/);
  });
});
