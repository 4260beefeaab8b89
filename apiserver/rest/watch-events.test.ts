import assert from 'node:assert/strict';
import { configMap } from '#lib/kinds/config-map.ts';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { expired } from '#lib/meta/errors.ts';
import { entryOf } from '../store/entry.ts';
import { negotiate } from './negotiate.ts';
import { makeWatchEvents } from './watch-events.ts';

suite('makeWatchEvents()', () => {
  const env = makeFakeEnv();
  const entry = entryOf(
    '/registry/configmaps/n/a',
    Buffer.from('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}'),
    7n,
  );
  const change = { type: 'ADDED', target: 0, entry } as const;
  const protobuf = 'application/vnd.kubernetes.protobuf';
  const events = (accept: string) => makeWatchEvents(configMap, negotiate(accept), 'Metadata', env);

  test('change() makes the bytes that all watchers of an object share', () => {
    for (const accept of ['application/json', protobuf]) {
      assert.equal(events(accept).change(change), events(accept).change(change));
    }
  });

  test('change() in protobuf is the length, the type, and the object in an envelope', () => {
    const meta = '0a016112001a0022002a0032013738004200';
    const message = `0a${(meta.length / 2).toString(16)}${meta}`;
    const envelope = `6b3873000a0f0a0276311209436f6e6669674d617012${(message.length / 2).toString(16)}${message}1a002200`;
    const object = `0a${(envelope.length / 2).toString(16)}${envelope}`;
    const event = `0a05414444454412${(object.length / 2).toString(16)}${object}`;
    const length = (event.length / 2).toString(16).padStart(8, '0');
    assert.equal(events(protobuf).change(change).toString('hex'), length + event);
  });

  test('failure() is an event too', () => {
    const line = JSON.parse(events('application/json').failure(expired('gone')).toString()) as Record<string, unknown>;
    assert.equal(line['type'], 'ERROR');
    assert.deepEqual(line['object'], expired('gone').toStatus());
    assert.ok(events(protobuf).failure(expired('gone')).includes('\x0a\x05ERROR'));
  });

  test('a table tells its columns once, and none to a bookmark without rows after that', () => {
    const table = events('application/json;as=Table;g=meta.k8s.io;v=v1');
    const columnsOf = (bytes: Buffer) =>
      (JSON.parse(bytes.toString()) as { object: { columnDefinitions: unknown[] | null } }).object.columnDefinitions;
    assert.ok(columnsOf(table.change(change)));
    assert.equal(columnsOf(table.change(change)), null);
    assert.equal(columnsOf(table.bookmark(9n)), null);
  });
});
