import assert from 'node:assert/strict';
import { configMap } from '#lib/kinds/config-map.ts';
import { pod } from '#lib/kinds/pod.ts';
import { secret } from '#lib/kinds/secret.ts';
import type { ApiError } from '#lib/meta/errors.ts';
import { at, caller, makeFixture, podBody } from './fixture.ts';
import type { Fixture } from './fixture.ts';
import type { ListOptions, WatchChange, WatchTarget } from './types.ts';

let fixture: Fixture;

setup(async () => {
  fixture = await makeFixture();
});

teardown(() => fixture.stop());

const put = (name: string, labels: Record<string, string> = {}) =>
  fixture.create(configMap, { metadata: { name, labels } });

const label = (name: string, labels: object) =>
  fixture.verbs.patch(caller, configMap, at(name), 'application/merge-patch+json', { metadata: { labels } });

const listed = async (options: Partial<ListOptions>) => {
  const result = await fixture.verbs.list(caller, configMap, { namespace: 'default', ...options });
  return { ...result, names: result.entries.map(({ object }) => object.metadata.name) };
};

suite('list', () => {
  test('list() pages at one revision, whatever is written in between', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await put(name);
    const first = await listed({ limit: 2 });
    assert.deepEqual([first.names, first.remainingItemCount], [['a', 'b'], 3]);
    await put('aa');
    await put('cc');
    await fixture.verbs.delete(caller, configMap, at('d'));
    const second = await listed({ limit: 2, continue: first.continue });
    assert.deepEqual([second.names, second.remainingItemCount, second.revision], [['c', 'd'], 1, first.revision]);
    const third = await listed({ limit: 2, continue: second.continue });
    assert.deepEqual([third.names, third.continue], [['e'], '']);
  });

  test('list() pages through what a selector selects', async () => {
    for (let i = 0; i < 10; i++) await put(`n${i}`, { even: String(i % 2 === 0) });
    const names: string[] = [];
    let token = '';
    do {
      const page = await listed({ limit: 2, labelSelector: 'even=true', continue: token });
      names.push(...page.names);
      token = page.continue;
    } while (token !== '');
    assert.deepEqual(names, ['n0', 'n2', 'n4', 'n6', 'n8']);
  });

  test('list() with a token whose revision is compacted offers another that goes on all the same', async () => {
    for (const name of ['a', 'b', 'c']) await put(name);
    const first = await listed({ limit: 1 });
    await put('d');
    fixture.store.compact(await fixture.store.revision());
    let offered: string | undefined;
    await assert.rejects(listed({ limit: 1, continue: first.continue }), (error: ApiError) => {
      offered = error.toStatus().metadata.continue;
      return error.reason === 'Expired' && error.message.startsWith('The provided continue parameter is too old');
    });
    assert.deepEqual((await listed({ continue: offered! })).names, ['b', 'c', 'd']);
  });

  test('list() refuses tokens that it did not write', async () => {
    await assert.rejects(listed({ continue: 'x' }), (error: ApiError) => error.reason === 'BadRequest');
  });

  test('list() reads exactly the revision asked for, and refuses one that does not exist yet', async () => {
    await put('a');
    const revision = String(await fixture.store.revision());
    await put('b');
    const exact = await listed({ resourceVersion: revision, resourceVersionMatch: 'Exact' });
    assert.deepEqual(exact.names, ['a']);
    const atLeast = await listed({ resourceVersion: revision, resourceVersionMatch: 'NotOlderThan' });
    assert.deepEqual(atLeast.names, ['a', 'b']);
    await assert.rejects(listed({ resourceVersion: '99999' }), (error: ApiError) => {
      return error.reason === 'Timeout' && error.details?.causes?.[0]?.reason === 'ResourceVersionTooLarge';
    });
    await assert.rejects(listed({ resourceVersionMatch: 'Exact' }), (error: ApiError) => {
      return error.message.includes('resourceVersionMatch is forbidden unless resourceVersion is provided');
    });
  });

  test('list() selects by field, and refuses fields that it does not know', async () => {
    await put('a');
    await put('b');
    assert.deepEqual((await listed({ fieldSelector: 'metadata.name=b' })).names, ['b']);
    assert.deepEqual((await listed({ fieldSelector: 'metadata.name!=b' })).names, ['a']);
    await assert.rejects(listed({ fieldSelector: 'spec.x=1' }), (error: ApiError) => error.reason === 'BadRequest');
    await fixture.create(pod, podBody('p'));
    const found = await fixture.verbs.list(caller, pod, { namespace: '', fieldSelector: 'spec.nodeName=' });
    assert.equal(found.entries.length, 1);
  });
});

suite('watch', () => {
  const watched = async (targets: Partial<WatchTarget>[], after?: bigint) => {
    const seen: WatchChange[] = [];
    const state = { synced: false, revision: 0n, ended: undefined as Error | undefined };
    const full = targets.map((target) => ({ kind: configMap, namespace: 'default', ...target }));
    const { close } = await fixture.verbs.watch(caller, full, after, {
      onChanges(changes, revision, synced) {
        seen.push(...changes);
        state.revision = revision;
        state.synced ||= synced;
      },
      onEnd: (error) => {
        state.ended = error;
      },
    });
    const told = async () => {
      await fixture.world.sync();
      return seen.map(({ type, entry }) => `${type} ${entry.object.metadata.name}`);
    };
    return { seen, state, told, close };
  };

  test('watch() tells the state first, then each change in order', async () => {
    await put('a');
    const { state, told, close } = await watched([{}]);
    assert.equal(state.synced, true);
    await put('b');
    await label('a', { x: '1' });
    await fixture.verbs.delete(caller, configMap, at('a'));
    assert.deepEqual(await told(), ['ADDED a', 'ADDED b', 'MODIFIED a', 'DELETED a']);
    close();
    await put('c');
    assert.equal((await told()).length, 4);
  });

  test('watch() tells only what came after the revision named', async () => {
    await put('a');
    const revision = await fixture.store.revision();
    await put('b');
    const { told } = await watched([{}], revision);
    assert.deepEqual(await told(), ['ADDED b']);
  });

  test('watch() with a selector tells what begins and ceases to match', async () => {
    await put('a', { on: 'no' });
    const { seen, told } = await watched([{ labelSelector: 'on=yes' }]);
    await label('a', { on: 'yes' });
    await label('a', { more: '1' });
    await label('a', { on: 'no' });
    await label('a', { on: 'never' });
    assert.deepEqual(await told(), ['ADDED a', 'MODIFIED a', 'DELETED a']);
    const last = seen.at(-1)!.entry.object.metadata;
    assert.deepEqual(last.labels, { on: 'yes', more: '1' });
    assert.ok(Number(last.resourceVersion) > Number(seen.at(-2)!.entry.object.metadata.resourceVersion));
  });

  test('watch() of several kinds tells them in one order', async () => {
    const { seen, told } = await watched([{}, { kind: secret }]);
    await put('a');
    await fixture.create(secret, { metadata: { name: 's' } });
    await put('b');
    assert.deepEqual(await told(), ['ADDED a', 'ADDED s', 'ADDED b']);
    assert.deepEqual(
      seen.map(({ target }) => target),
      [0, 1, 0],
    );
  });

  test('watch() of one name hears nothing of the others', async () => {
    const { told } = await watched([{ fieldSelector: 'metadata.name=a' }]);
    await put('b');
    await put('a');
    assert.deepEqual(await told(), ['ADDED a']);
  });

  test('watch() after a revision that is gone is refused as Expired', async () => {
    await assert.rejects(watched([{}], 0n), (error: ApiError) => error.reason === 'Expired');
  });
});
