import assert from 'node:assert/strict';
import { makeFakeClient } from '#lib/client/fake.ts';
import type { Client } from '#lib/client/types.ts';
import { makeFakeEnv } from '#lib/env/fake.ts';
import type { FakeEnv } from '#lib/env/fake.ts';
import { lease } from '#lib/kinds/lease.ts';
import { ApiError } from '#lib/meta/errors.ts';
import { standForElection } from './lease.ts';

suite('standForElection', () => {
  let env: FakeEnv;
  let client: Client;
  let leaders: string[];
  let ends: (() => Promise<void>)[];

  setup(() => {
    env = makeFakeEnv();
    client = makeFakeClient(env);
    leaders = [];
    ends = [];
  });
  teardown(() => Promise.all(ends.map((end) => end())));

  /** A candidate that notes when it leads. */
  function stand(identity: string, over: Client = client): () => Promise<void> {
    const stopping = new AbortController();
    const done = standForElection(
      { namespace: 'kube-system', name: 'x', identity },
      { client: over, env, signal: stopping.signal },
      async (signal) => {
        leaders.push(identity);
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
        leaders.splice(leaders.indexOf(identity), 1);
      },
    );
    const end = async () => {
      stopping.abort(new Error('test over'));
      await env.advance(20_000);
      await done;
    };
    ends.push(end);
    return end;
  }

  const held = async () => (await client.get(lease, { namespace: 'kube-system', name: 'x' })).spec;

  test('lets one lead, and another only after the lease was given back', async () => {
    const endA = stand('a');
    await env.advance(100);
    stand('b');
    await env.advance(60_000);
    assert.deepEqual(leaders, ['a']);
    assert.equal((await held()).holderIdentity, 'a');
    assert.equal((await held()).leaseDurationSeconds, 15);
    await endA();
    assert.deepEqual(leaders, ['b']);
    assert.equal((await held()).leaseTransitions, 1);
  });

  test('takes over from a holder that was silent for the lease time, not sooner', async () => {
    const renewTime = '2020-01-01T00:00:00.000000Z';
    const spec = {
      holderIdentity: 'dead',
      leaseDurationSeconds: 15,
      renewTime,
      acquireTime: renewTime,
      leaseTransitions: 4,
    };
    await client.create(lease, { metadata: { namespace: 'kube-system', name: 'x' }, spec });
    stand('b');
    await env.advance(14_000);
    assert.deepEqual(leaders, []);
    await env.advance(6000);
    assert.deepEqual(leaders, ['b']);
    assert.equal((await held()).leaseTransitions, 5);
  });

  test('steps down when it cannot renew, before another may lead', async () => {
    let away = false;
    const flaky: Client = {
      ...client,
      get: (kind, ref) => (away ? Promise.reject(new ApiError('ServiceUnavailable', 'away')) : client.get(kind, ref)),
    };
    stand('a', flaky);
    await env.advance(100);
    stand('b');
    await env.advance(5000);
    away = true;
    for (let second = 0; second < 40; second++) {
      await env.advance(1000);
      assert.ok(leaders.length <= 1);
    }
    assert.deepEqual(leaders, ['b']);
    away = false;
  });

  test('steps down when the lease is taken from it', async () => {
    stand('a');
    await env.advance(100);
    const object = await client.get(lease, { namespace: 'kube-system', name: 'x' });
    await client.update(lease, { ...object, spec: { ...object.spec, holderIdentity: 'thief' } });
    await env.advance(3000);
    assert.deepEqual(leaders, []);
  });
});
