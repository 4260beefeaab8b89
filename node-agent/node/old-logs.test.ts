import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, watch, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { leaveLogs, removeLog, uidsWithLogs } from '../lifecycle/log-files.ts';
import { removeOldLogsOnce } from './old-logs.ts';

suite('node-agent/node old logs', () => {
  let logDir: string;
  setup(() => {
    logDir = mkdtempSync(path.join(os.tmpdir(), 'wherry-old-logs-'));
  });
  teardown(() => rmSync(logDir, { recursive: true, force: true }));

  const make = (uid: string, bytes: number) => {
    mkdirSync(`${logDir}/ns_pod_${uid}/app`, { recursive: true });
    writeFileSync(`${logDir}/ns_pod_${uid}/app/0.log`, Buffer.alloc(bytes));
  };
  const left = () =>
    readdirSync(logDir)
      .toSorted()
      .map((name) => name.split('_')[2]);

  test('removeOldLogsOnce() keeps the latest, and nothing of pods that are there', async () => {
    const env = makeFakeEnv({ startMs: 1_000_000 });
    const pods = { seen: (uid: string) => (uid === 'back' ? {} : undefined) };
    for (const uid of ['here', 'back', 'c', 'b', 'a']) {
      make(uid, 100_000);
      if (uid === 'here') continue;
      await leaveLogs(logDir, uid, env.now());
      await env.advance(1000);
    }
    assert.deepEqual(await uidsWithLogs(logDir), ['here']);
    const look = async (more: object) => {
      await removeOldLogsOnce({ env, logDir, pods, ...more });
      return left();
    };
    assert.deepEqual(await look({}), ['a', 'b', 'back', 'c', 'here']);
    assert.deepEqual(await look({ maxBytes: 250_000 }), ['a', 'b', 'back', 'here']);
    assert.deepEqual(await look({ maxPods: 1 }), ['a', 'back', 'here']);
    await env.advance(3600_000);
    assert.deepEqual(await look({}), ['back', 'here']);
  });

  test('leaveLogs() wakes who watches', async () => {
    make('a', 1);
    const watcher = watch(`${logDir}/ns_pod_a/app`);
    try {
      const woken = once(watcher, 'change');
      await leaveLogs(logDir, 'a', 1000);
      await woken;
    } finally {
      watcher.close();
    }
  });

  test('removeLog() takes what was put aside of the same run, and no more', async () => {
    make('a', 1);
    const folder = `${logDir}/ns_pod_a/app`;
    for (const name of ['0.log.20260101000000.000', '10.log']) writeFileSync(`${folder}/${name}`, '');
    await removeLog(`${folder}/0.log`);
    assert.deepEqual(readdirSync(folder), ['10.log']);
    await removeLog(`${logDir}/absent/0.log`);
    assert.equal(existsSync(`${logDir}/absent`), false);
  });
});
