import assert from 'node:assert/strict';
import { makeFakeClient } from '#lib/client/fake.ts';
import type { Client } from '#lib/client/types.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import { configMap } from '#lib/kinds/config-map.ts';
import type { ConfigMap, Node } from '#lib/kinds/gen/core-v1.ts';
import { node } from '#lib/kinds/node.ts';
import { ApiError } from '#lib/meta/errors.ts';
import { refOf } from '#lib/meta/object.ts';
import type { Occurrence } from './correlate.ts';
import { perform } from './perform.ts';
import type { Action } from './types.ts';

suite('perform', () => {
  const client = () => makeFakeClient(makeRealEnv({ service: 'test' }));
  const create = (name: string): Action => ({
    do: 'create',
    kind: configMap,
    object: { metadata: { name, namespace: 'default' } },
  });
  const hands = (over: Client, told: Occurrence[] = []) => ({
    client: over,
    record: (each: Occurrence) => void told.push(each),
  });

  test('starts creates slowly, so that a refusal is heard once and not five hundred times', async () => {
    let asked = 0;
    const refusing: Client = {
      ...client(),
      create: () => {
        asked++;
        return Promise.reject(new ApiError('Forbidden', 'no'));
      },
    };
    const { failures } = await perform(
      Array.from({ length: 500 }, (_, i) => create(`c${i}`)),
      hands(refusing),
    );
    assert.deepEqual([asked, failures.length], [1, 1]);
  });

  test('runs many creates side by side within a bound', async () => {
    let running = 0;
    let most = 0;
    const fake = client();
    const counting: Client = {
      ...fake,
      async create(kind, draft, options) {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        return fake.create(kind, draft, options);
      },
    };
    const { revision } = await perform(
      Array.from({ length: 300 }, (_, i) => create(`c${i}`)),
      hands(counting),
    );
    assert.equal(most, 64);
    assert.equal(revision, fake.revision);
  });

  test('builds a status write on the version that an update before it made', async () => {
    const fake = client();
    const object = await fake.create<Node>(node, { metadata: { name: 'n1' }, spec: {} });
    const changed: Node = { ...object, spec: { unschedulable: true } };
    const told: Node = { ...object, status: { phase: 'Running' } };
    const { failures } = await perform(
      [
        { do: 'update', kind: node, object: changed },
        { do: 'status', kind: node, object: told },
      ],
      hands(fake),
    );
    assert.deepEqual(failures, []);
    const { spec, status } = await fake.get(node, refOf('n1'));
    assert.deepEqual([spec.unschedulable, status?.phase], [true, 'Running']);
  });

  test('takes a deletion of what is gone, or was replaced, for done', async () => {
    const fake = client();
    await fake.create<ConfigMap>(configMap, { metadata: { name: 'a', namespace: 'default' } });
    const remove = (name: string): Action => ({
      do: 'delete',
      kind: configMap,
      target: { namespace: 'default', name },
      uid: 'other',
    });
    const { failures } = await perform([remove('a'), remove('b')], hands(fake));
    assert.deepEqual(failures, []);
    assert.equal((await fake.list(configMap)).items.length, 1);
  });

  test('leaves out what follows a failure, and knows when an outcome is unknown', async () => {
    const fake = client();
    const lost: Client = { ...fake, create: () => Promise.reject(new ApiError('ServiceUnavailable', 'lost')) };
    const told: Occurrence[] = [];
    const regarding = await fake.create<ConfigMap>(configMap, { metadata: { name: 'x', namespace: 'default' } });
    const after: Action = { do: 'event', regarding, type: 'Normal', reason: 'Never', message: '' };
    const outcome = await perform([create('a'), after], hands(lost, told));
    assert.equal(outcome.unsure, true);
    assert.deepEqual(told, []);
  });
});
