import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { makeLogFilter } from './cri-log.ts';
import { readLog } from './log-reader.ts';
import type { Following, LogQuery } from './log-reader.ts';

const all: LogQuery = { timestamps: false, sinceMs: undefined, tailLines: undefined, limitBytes: undefined };
const at = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, '0')}.000000000Z`;

suite('node-agent/server/log-reader', () => {
  let folder: string;
  let file: string;
  setup(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'wherry-log-'));
    file = path.join(folder, '0.log');
  });
  teardown(() => rmSync(folder, { recursive: true, force: true }));

  const read = async (query: Partial<LogQuery> = {}) => {
    let text = '';
    const write = (data: Buffer) => {
      text += data.toString();
      return Promise.resolve();
    };
    await readLog(file, { ...all, ...query }, undefined, write, new AbortController().signal);
    return text;
  };

  test('readLog() joins parts, and tells the time of a line once', async () => {
    writeFileSync(file, `${at(1)} stdout P hel\n${at(2)} stdout F lo\n${at(3)} stderr F world\n${at(4)} stdout F \n`);
    assert.equal(await read(), 'hello\nworld\n\n');
    assert.equal(await read({ timestamps: true }), `${at(1)} hello\n${at(3)} world\n${at(4)} \n`);
  });

  test('readLog() begins with the last lines, or at a time, and ends at a limit', async () => {
    writeFileSync(file, Array.from({ length: 20 }, (_, i) => `${at(i)} stdout F line ${i}\n`).join(''));
    assert.equal(await read({ tailLines: 2 }), 'line 18\nline 19\n');
    assert.equal(await read({ tailLines: 0 }), '');
    assert.equal((await read({ tailLines: 100 })).split('\n').length, 21);
    assert.equal(await read({ sinceMs: Date.parse(at(19)) }), 'line 19\n');
    assert.equal(await read({ limitBytes: 10 }), 'line 0\nlin');
  });

  test('readLog() finds the last lines of a large file from its end', async () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => `${at(1)} stdout F ${'x'.repeat(i % 50)} ${i}\n`);
    writeFileSync(file, lines.join(''));
    const text = await read({ tailLines: 5000 });
    assert.equal(text.split('\n').length, 5001);
    assert.match(text, / 19999\n$/);
    assert.match(text, /^x* 15000\n/);
  });

  test('readLog() reads back through what rotation has put aside', async () => {
    const line = (i: number) => `${at(i)} stdout F line ${i}\n`;
    const lines = (from: number, to: number) =>
      Array.from({ length: to - from + 1 }, (_, i) => line(from + i)).join('');
    const texts = (from: number) => Array.from({ length: 10 - from }, (_, i) => `line ${from + i}\n`).join('');
    writeFileSync(`${file}.20260101000000.000`, lines(0, 2));
    writeFileSync(`${file}.20260101000001.000`, lines(3, 6));
    writeFileSync(file, lines(7, 9));
    writeFileSync(path.join(folder, '10.log'), lines(20, 21));
    assert.equal(await read(), texts(0));
    for (let tail = 0; tail <= 12; tail++)
      assert.equal(await read({ tailLines: tail }), texts(Math.max(0, 10 - tail)), `${tail} lines`);
    assert.equal(await read({ sinceMs: Date.parse(at(5)) }), texts(5));
    writeFileSync(file, '');
    assert.equal(await read({ tailLines: 1 }), 'line 6\n');
  });

  test('readLog() goes on with the oldest part left when its own has been removed', async () => {
    writeFileSync(`${file}.1`, `${at(1)} stdout F one\n`);
    writeFileSync(`${file}.2`, `${at(2)} stdout F two\n`);
    writeFileSync(file, `${at(3)} stdout F three\n`);
    let text = '';
    const write = (data: Buffer) => {
      text += data.toString();
      rmSync(`${file}.1`, { force: true });
      return Promise.resolve();
    };
    await readLog(file, all, undefined, write, new AbortController().signal);
    assert.equal(text, 'one\ntwo\nthree\n');
  });

  test('readLog() follows over a rotation and a cut, until the container has ended', async () => {
    writeFileSync(file, `${at(1)} stdout F one\n`);
    let over = false;
    let wake = () => {};
    const following: Following = {
      isOver: () => over,
      onChange: (listener) => {
        wake = listener;
        return () => {};
      },
    };
    const seen: string[] = [];
    const heard = makeInbox(seen);
    const done = readLog(file, all, following, heard.write, new AbortController().signal);
    await heard.until('one\n');
    appendFileSync(file, `${at(2)} stdout F two\n`);
    await heard.until('two\n');
    // Two rotations at once: the part in the middle has never been the one being written when it is looked for.
    renameSync(file, `${file}.1`);
    writeFileSync(file, `${at(3)} stdout F three\n`);
    renameSync(file, `${file}.2`);
    writeFileSync(file, `${at(3)} stdout F more\n`);
    await heard.until('three\nmore\n');
    writeFileSync(file, '');
    appendFileSync(file, `${at(4)} stdout F 4\n`);
    await heard.until('4\n');
    appendFileSync(file, `${at(5)} stdout F last\n`);
    over = true;
    wake();
    await done;
    assert.equal(seen.join(''), 'one\ntwo\nthree\nmore\n4\nlast\n');
  });

  test('makeLogFilter() gives the same text however the file is cut', () => {
    const source = Buffer.from(`${at(1)} stdout P a\n${at(1)} stdout F é\n${at(2)} stderr F bc\n`.repeat(5));
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sizes) => {
        const filter = makeLogFilter(all);
        const parts: Buffer[] = [];
        for (let from = 0, i = 0; from < source.length; i++) {
          const size = sizes[i % sizes.length]!;
          parts.push(...filter.feed(source.subarray(from, from + size)));
          from += size;
        }
        assert.equal(Buffer.concat(parts).toString(), 'aé\nbc\n'.repeat(5));
      }),
    );
  });
});

/** Collects what is written and waits for a text; the test's own limit is the deadline. */
function makeInbox(seen: string[]) {
  let check = () => {};
  return {
    write: (data: Buffer) => {
      seen.push(data.toString());
      check();
      return Promise.resolve();
    },
    until: (text: string) =>
      new Promise<void>((resolve) => {
        check = () => {
          if (seen.join('').endsWith(text)) resolve();
        };
        check();
      }),
  };
}
