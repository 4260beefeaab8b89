import assert from 'node:assert/strict';
import { makeFakeEnv } from '#lib/env/fake.ts';
import type { FakeEnv } from '#lib/env/fake.ts';
import { configMap } from '#lib/kinds/config-map.ts';
import { node } from '#lib/kinds/node.ts';
import { makeFakeClient } from './fake.ts';
import { follow } from './follow.ts';
import type { FakeClient } from './fake.ts';
import type { ViewChange } from './types.ts';
import { makeView } from './view.ts';

suite('makeView()', () => {
  let env: FakeEnv;
  let client: FakeClient;
  let abort: AbortController;
  setup(() => {
    env = makeFakeEnv();
    client = makeFakeClient(env);
    abort = new AbortController();
  });
  teardown(() => abort.abort());
  const add = (name: string) => client.create(configMap, { metadata: { namespace: 'a', name } });

  test('tells the differences after it had to list again', async () => {
    const kept = await add('kept');
    const changed = await add('changed');
    await add('gone');
    const view = makeView(client, [{ kind: configMap }], { env, signal: abort.signal });
    await env.advance(0);
    const seen: ViewChange[] = [];
    view.onChange((changes) => seen.push(...changes));
    client.disconnect();
    await client.update(configMap, { ...changed, data: { a: 'b' } });
    await client.delete(configMap, { namespace: 'a', name: 'gone' });
    await add('new');
    client.compact();
    await env.advance(1000);
    assert.equal(view.revision, client.revision);
    assert.deepEqual(
      seen.map(({ object, before }) => [before?.metadata.name, object?.metadata.name]),
      [
        ['gone', undefined],
        ['changed', 'changed'],
        [undefined, 'new'],
      ],
    );
    assert.deepEqual(view.get(configMap, { namespace: 'a', name: 'kept' }), kept);
    assert.equal(view.list(configMap, 'a').length, 3);
    assert.equal(view.list(configMap, 'b').length, 0);
  });

  test('goes on without a second listing after a lost connection', async () => {
    await add('one');
    const view = makeView(client, [{ kind: configMap }], { env, signal: abort.signal });
    await env.advance(0);
    const before = view.list(configMap)[0];
    client.disconnect();
    await add('two');
    await env.advance(1000);
    assert.equal(view.list(configMap).length, 2);
    assert.equal(view.list(configMap)[0], before);
  });

  test('gives up a stream that is silent', async () => {
    let opened = 0;
    const silent = {
      async *watch(...[targets, options]: Parameters<FakeClient['watch']>) {
        const first = opened++ === 0;
        for await (const batch of client.watch(targets, options)) {
          if (!first || batch.synced) yield batch;
        }
      },
    };
    const view = makeView(silent, [{ kind: configMap }], { env, signal: abort.signal });
    await env.advance(0);
    const made = await add('one');
    await env.advance(30_000);
    assert.equal(opened, 1);
    await env.advance(10_000);
    assert.equal(opened, 2);
    assert.ok(view.revision >= BigInt(made.metadata.resourceVersion));
    assert.equal(view.list(configMap).length, 1);
  });

  test('waits for a server that is behind, and is not led back by it', async () => {
    const other = makeFakeClient(env);
    let current = client;
    const view = makeView({ watch: (...args) => current.watch(...args) }, [{ kind: configMap }], {
      env,
      signal: abort.signal,
    });
    await add('one');
    await add('two');
    await env.advance(1000);
    current = other;
    client.disconnect();
    await env.advance(5000);
    assert.equal(view.list(configMap).length, 2);
    assert.equal(view.revision, client.revision);
    while (other.revision < client.revision)
      await other.create(configMap, { metadata: { namespace: 'b', name: `n${other.revision}` } });
    await env.advance(5000);
    assert.deepEqual(view.list(configMap, 'a'), []);
    assert.equal(view.list(configMap, 'b').length, Number(other.revision) - 1);
  });

  test('follow() gives up when the API has gone back for good', async () => {
    let current = client;
    await add('one');
    const following = follow(
      { watch: (...args) => current.watch(...args) },
      [{ kind: configMap }],
      { restart: () => {}, apply: () => {} },
      { env, signal: abort.signal },
    );
    const given = assert.rejects(following, /at revision 1, and was at 2 before; the process must start anew/);
    await env.advance(1000);
    current = makeFakeClient(env);
    client.disconnect();
    await env.advance(30_000);
    await given;
  });

  test('who waits is refused when the view or the waiting ends', async () => {
    const view = makeView(client, [{ kind: configMap }], { env, signal: abort.signal });
    const own = new AbortController();
    const mine = assert.rejects(view.waitFor(99n, own.signal), /mine/);
    own.abort(new Error('mine'));
    await mine;
    const all = assert.rejects(view.waitFor(99n), /all/);
    abort.abort(new Error('all'));
    await all;
  });

  test('says when it is asked for what it does not hold', () => {
    const view = makeView(client, [{ kind: configMap }], { env, signal: abort.signal });
    assert.throws(() => view.list(node), /does not watch v1\/nodes/);
    assert.throws(() => view.indexed(configMap, 'x', 'y'), /no index "x"/);
    assert.throws(() => makeView(client, [{ kind: node }, { kind: node }], { env, signal: abort.signal }), /twice/);
  });
});
