import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { WatchChange } from '../verbs/types.ts';
import type { Response } from './answer.ts';
import { makeWatchQueue } from './watch-queue.ts';
import { answerSink } from './watch-sink.ts';

/** A connection that takes what it is given, until it is told that it is full. */
class Connection extends EventEmitter {
  written: string[] = [];
  ended = false;
  full = false;

  write(bytes: Buffer): boolean {
    this.written.push(bytes.toString());
    return !this.full;
  }

  end(): void {
    this.ended = true;
  }

  drain(): void {
    this.full = false;
    this.emit('drain');
  }
}

suite('makeWatchQueue()', () => {
  const change = (text: string): WatchChange => ({
    type: 'ADDED',
    target: 0,
    entry: { key: '', object: {} as never, revision: 1n, bytes: Buffer.from(text) },
  });
  const make = (limitBytes: number) => {
    const connection = new Connection();
    const dropped: number[] = [];
    const queue = makeWatchQueue(
      answerSink(connection as unknown as Response),
      limitBytes,
      ({ entry }) => entry.bytes,
      (unread) => dropped.push(unread),
    );
    return { connection, dropped, queue };
  };

  test('writes at once while there is room, and in order after there was none', () => {
    const { connection, queue } = make(100);
    queue.push([change('a')], false);
    connection.full = true;
    queue.push([change('b'), change('c')], false);
    queue.push([change('d')], false);
    queue.pushBytes(Buffer.from('e'));
    assert.deepEqual(connection.written, ['a', 'bc']);
    connection.drain();
    assert.deepEqual(connection.written, ['a', 'bc', 'de']);
  });

  test('drops a watcher that leaves too much unread', () => {
    const { connection, dropped, queue } = make(10);
    connection.full = true;
    queue.push([change('x')], false);
    queue.push([change('12345')], false);
    assert.deepEqual(dropped, []);
    queue.push([change('678901')], false);
    assert.deepEqual(dropped, [11]);
  });

  test('lets the initial state be of any size, and hands it over piece by piece', () => {
    const { connection, dropped, queue } = make(10);
    connection.full = true;
    const state = Array.from({ length: 5 }, (_, i) => change(String(i).repeat(100 * 1024)));
    queue.push(state, true);
    queue.push([change('later')], false);
    assert.deepEqual(dropped, []);
    assert.equal(connection.written.length, 1);
    for (let i = 0; i < 3; i++) connection.emit('drain');
    assert.equal(connection.written.join(''), [...state.map(({ entry }) => entry.bytes.toString()), 'later'].join(''));
    // What is left unread after that counts as usual.
    queue.push([change('taken')], false);
    queue.push([change('12345678901')], false);
    assert.deepEqual(dropped, [11]);
  });

  test('ends only after what waits', () => {
    const { connection, queue } = make(10);
    connection.full = true;
    queue.push([change('a')], false);
    queue.pushBytes(Buffer.from('last'));
    queue.endAfter();
    assert.equal(connection.ended, false);
    connection.drain();
    assert.deepEqual([connection.written, connection.ended], [['a', 'last'], true]);
  });
});
