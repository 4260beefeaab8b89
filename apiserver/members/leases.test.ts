import assert from 'node:assert/strict';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { makeMemoryStore } from '../store/memory.ts';
import { makeMemberLeases } from './leases.ts';

suite('makeMemberLeases()', () => {
  test('those are listed who renew their leases, in order', async () => {
    const env = makeFakeEnv();
    const store = makeMemoryStore(env);
    const one = makeMemberLeases(store, '10.0.0.2', env);
    const other = makeMemberLeases(store, '10.0.0.1', env);
    await one.renew();
    assert.deepEqual(await one.list(), ['10.0.0.2']);
    await other.renew();
    assert.deepEqual(await one.list(), ['10.0.0.1', '10.0.0.2']);
    await env.advance(10_000);
    await one.renew();
    assert.deepEqual(await one.list(), ['10.0.0.1', '10.0.0.2']);
    await env.advance(5000);
    assert.deepEqual(await one.list(), ['10.0.0.2'], 'who does not renew is dead');
    await other.renew();
    assert.deepEqual(await one.list(), ['10.0.0.1', '10.0.0.2'], 'who renews again lives again');
  });

  test('a server that starts gives those it finds the time to renew', async () => {
    const env = makeFakeEnv();
    const store = makeMemoryStore(env);
    await makeMemberLeases(store, '10.0.0.1', env).renew();
    await env.advance(40_000);
    const late = makeMemberLeases(store, '10.0.0.2', env);
    await late.renew();
    assert.deepEqual(await late.list(), ['10.0.0.1', '10.0.0.2']);
    await env.advance(15_000);
    await late.renew();
    assert.deepEqual(await late.list(), ['10.0.0.2']);
  });

  test('who stops is not listed any more, unless another server is at the address', async () => {
    const env = makeFakeEnv();
    const store = makeMemoryStore(env);
    const old = makeMemberLeases(store, '10.0.0.1', env);
    const present = makeMemberLeases(store, '10.0.0.1', env);
    const watcher = makeMemberLeases(store, '10.0.0.3', env);
    await old.renew();
    await present.renew();
    await old.remove();
    assert.deepEqual(await watcher.list(), ['10.0.0.1']);
    await present.remove();
    assert.deepEqual(await watcher.list(), []);
  });
});
