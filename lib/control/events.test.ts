import assert from 'node:assert/strict';
import { makeFakeClient } from '#lib/client/fake.ts';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { event } from '#lib/kinds/event.ts';
import { silentLog } from '#lib/env/log.ts';
import type { ConfigMap, Event } from '#lib/kinds/gen/core-v1.ts';
import { makeCorrelator } from './correlate.ts';
import { makeRecorder } from './events.ts';

suite('event recorder', () => {
  const regarding: ConfigMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: 'a',
      namespace: 'shop',
      uid: 'u1',
      resourceVersion: '7',
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
  };
  const occurrence = (message: string, reason = 'Tested') => ({ regarding, type: 'Normal', reason, message }) as const;

  test('record() writes an Event about the object, and counts the same again', async () => {
    const env = makeFakeEnv();
    const client = makeFakeClient(env);
    const recorder = makeRecorder('tester', client, env);
    recorder.record(occurrence('hello'));
    await env.advance(1000);
    recorder.record(occurrence('hello'));
    await env.advance(1000);
    const { items } = await client.list(event, { namespace: 'shop' });
    assert.equal(items.length, 1);
    const { metadata, involvedObject, count, firstTimestamp, lastTimestamp, source, type, message } = items[0]!;
    assert.match(metadata.name, /^a\.[0-9a-f]{16}$/);
    assert.deepEqual(involvedObject, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: 'a',
      namespace: 'shop',
      uid: 'u1',
      resourceVersion: '7',
    });
    assert.deepEqual([count, firstTimestamp, lastTimestamp], [2, '2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z']);
    assert.deepEqual([source, type, message], [{ component: 'tester' }, 'Normal', 'hello']);
    recorder.stop();
  });

  test('record() starts a counted Event anew when it has expired', async () => {
    const env = makeFakeEnv();
    const client = makeFakeClient(env);
    const recorder = makeRecorder('tester', client, env);
    recorder.record(occurrence('hello'));
    await env.advance(1);
    const [first] = (await client.list(event)).items;
    await client.delete(event, { namespace: 'shop', name: first!.metadata.name });
    recorder.record(occurrence('hello'));
    await env.advance(1);
    assert.equal((await client.list(event)).items[0]?.count, 2);
    recorder.stop();
  });

  test('record() keeps up with a burst: several at a time, those of one object in order, and drops tell of themselves once', async () => {
    const warnings: string[] = [];
    const log = { ...silentLog, warn: (message: string) => void warnings.push(message) };
    const env = makeFakeEnv({ log });
    const client = makeFakeClient(env);
    let underWay = 0;
    let most = 0;
    const written: string[] = [];
    const slow: typeof client = {
      ...client,
      async create(kind, draft) {
        most = Math.max(most, ++underWay);
        await env.sleep(10);
        underWay--;
        const { involvedObject, message } = draft as unknown as Event;
        written.push(`${involvedObject.name} ${message}`);
        return client.create(kind, draft);
      },
    };
    const recorder = makeRecorder('tester', slow, env, 'host-1');
    const about = (i: number) => ({
      ...regarding,
      metadata: { ...regarding.metadata, name: `pod-${i}`, uid: `uid-${i}` },
    });
    for (let i = 0; i < 26_000; i++) {
      recorder.record({ ...occurrence('first'), regarding: about(i) });
      if (i < 100) recorder.record({ ...occurrence('second'), regarding: about(i), fieldPath: 'spec.containers{a}' });
    }
    await env.advance(200);
    recorder.stop();
    assert.equal(most, 16);
    assert.equal(written.filter((line) => line.startsWith('pod-3 ')).join(), 'pod-3 first,pod-3 second');
    assert.deepEqual(warnings, ['Events dropped: too many unwritten']);
    const second = (await client.list(event)).items.find(({ message }) => message === 'second')!;
    assert.deepEqual(second.source, { component: 'tester', host: 'host-1' });
    assert.equal(second.reportingInstance, 'host-1');
    assert.equal(second.involvedObject.fieldPath, 'spec.containers{a}');
  });

  test('correlate() tells many similar ones as one from the tenth message on', () => {
    const correlator = makeCorrelator('tester');
    const messages = Array.from({ length: 12 }, (_, i) => correlator.correlate(occurrence(`pod ${i}`), 0));
    assert.equal(messages[8]!.object.message, 'pod 8');
    assert.equal(messages[9]!.object.message, '(combined from similar events): pod 9');
    assert.deepEqual([messages[9]!.known, messages[11]!.known, messages[11]!.object.count], [false, true, 3]);
    assert.equal(correlator.correlate(occurrence('later'), 601_000)!.object.message, 'later');
  });

  test('correlate() lets one object cause 25 events at once, then one in five minutes', () => {
    const correlator = makeCorrelator('tester');
    const told = () =>
      Array.from({ length: 40 }, (_, i) => correlator.correlate(occurrence('same', `Reason${i}`), 0)).filter(Boolean);
    assert.equal(told().length, 25);
    assert.ok(correlator.correlate(occurrence('same', 'Later'), 300_000));
    assert.equal(correlator.correlate(occurrence('same', 'Later'), 300_001), undefined);
  });
});
