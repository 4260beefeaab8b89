import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { makeFakeEnv } from '#lib/env/fake.ts';
import type { FakeEnv } from '#lib/env/fake.ts';
import { configMap } from '#lib/kinds/config-map.ts';
import { expired } from '#lib/meta/errors.ts';
import { entryOf } from '../store/entry.ts';
import type { Response } from './answer.ts';
import { negotiate } from './negotiate.ts';
import { answerSink } from './watch-sink.ts';
import { makeWatchStream } from './watch-stream.ts';

/** An answer that keeps what is written to it. */
class Answer extends EventEmitter {
  lines: string[] = [];
  state = 'open';
  full = false;
  head: unknown[] = [];

  writeHead(...head: unknown[]): void {
    this.head = head;
  }

  flushHeaders(): void {}

  write(bytes: Buffer): boolean {
    this.lines.push(...bytes.toString().trimEnd().split('\n'));
    return !this.full;
  }

  end(): void {
    this.state = 'ended';
  }

  destroy(): void {
    this.state = 'destroyed';
  }
}

suite('makeWatchStream()', () => {
  let env: FakeEnv;
  let answer: Answer;
  let closes: number;
  let drops: number;
  setup(() => {
    env = makeFakeEnv();
    answer = new Answer();
    closes = 0;
    drops = 0;
  });

  const start = (more: { bookmarks?: boolean; marksInitialState?: boolean; timeoutMs?: number } = {}) =>
    makeWatchStream(
      answerSink(answer as unknown as Response),
      {
        kind: configMap,
        accepted: negotiate(undefined),
        include: 'Metadata',
        bookmarks: false,
        marksInitialState: false,
        timeoutMs: 300_000,
        ...more,
      },
      env,
      (isDropped) => {
        closes++;
        if (isDropped) drops++;
      },
    );
  const added = (name: string, size = 0) => {
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { a: 'x'.repeat(size) } };
    const entry = entryOf(`/registry/configmaps/n/${name}`, Buffer.from(JSON.stringify(object)), 5n);
    return { type: 'ADDED', target: 0, entry } as const;
  };
  const told = () =>
    answer.lines.map((line) => {
      const { type, object } = JSON.parse(line) as { type: string; object: { metadata: Record<string, string> } };
      return `${type} ${object.metadata['name'] ?? object.metadata['resourceVersion']}`;
    });

  test('tells changes, and each minute how far it has come', async () => {
    const stream = start({ bookmarks: true });
    stream.onChanges([added('a')], 5n, false);
    stream.onChanges([], 9n, false);
    await env.advance(59_999);
    assert.deepEqual(told(), ['ADDED a']);
    await env.advance(1);
    await env.advance(60_000);
    assert.deepEqual(told(), ['ADDED a', 'BOOKMARK 9', 'BOOKMARK 9']);
  });

  test('tells how far it has come shortly before its time is up, and ends then', async () => {
    start({ bookmarks: true, timeoutMs: 30_000 }).onChanges([], 7n, false);
    await env.advance(27_999);
    assert.deepEqual(told(), []);
    await env.advance(1);
    assert.deepEqual(told(), ['BOOKMARK 7']);
    await env.advance(2000);
    assert.deepEqual([answer.state, closes, env.pending()], ['ended', 1, 0]);
  });

  test('leaves bookmarks out for those who did not ask', async () => {
    start().onChanges([], 7n, false);
    await env.advance(299_999);
    assert.deepEqual([told(), answer.state], [[], 'open']);
    await env.advance(1);
    assert.equal(answer.state, 'ended');
  });

  test('marks the end of the state for those who asked', () => {
    start({ marksInitialState: true }).onChanges([added('a'), added('b')], 8n, true);
    assert.deepEqual(told(), ['ADDED a', 'ADDED b', 'BOOKMARK 8']);
    const { object } = JSON.parse(answer.lines[2]!) as {
      object: { metadata: { annotations: Record<string, string> } };
    };
    assert.equal(object.metadata.annotations['k8s.io/initial-events-end'], 'true');
  });

  test('ends with what went wrong, and says nothing after that', () => {
    const stream = start();
    stream.onEnd(expired('gone'));
    stream.onChanges([added('a')], 9n, false);
    stream.onEnd(expired('again'));
    stream.end();
    assert.equal(answer.lines.length, 1);
    assert.match(answer.lines[0]!, /^\{"type":"ERROR","object":\{"kind":"Status".*"message":"gone".*"code":410\}\}$/);
    assert.deepEqual([answer.state, closes], ['ended', 1]);
  });

  test('drops who reads too slowly, once', () => {
    const stream = start();
    answer.full = true;
    for (let i = 0; i < 40; i++) stream.onChanges([added('a', 1024 * 1024)], 9n, false);
    assert.deepEqual([answer.state, closes, drops, answer.lines.length], ['destroyed', 1, 1, 1]);
  });

  test('is over when the client goes away', () => {
    start({ bookmarks: true });
    answer.emit('close');
    answer.emit('close');
    assert.deepEqual([closes, drops, env.pending()], [1, 0, 0]);
  });
});
