import assert from 'node:assert/strict';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { revisionOf, testStoreContract } from './contract.ts';
import { makeMemoryStore } from './memory.ts';

testStoreContract(
  'makeMemoryStore()',
  async () => {
    const store = makeMemoryStore(makeFakeEnv());
    return { store, compact: async (revision) => store.compact(revision) };
  },
  async () => {},
);

suite('makeMemoryStore()', () => {
  test('put() lets a key expire with the minute its time falls in', async () => {
    const env = makeFakeEnv();
    const store = makeMemoryStore(env);
    revisionOf(await store.put('/registry/a', Buffer.from('x'), 0n, 90));
    await env.advance(90_000);
    assert.ok(await store.get('/registry/a'));
    await env.advance(60_000);
    assert.equal(await store.get('/registry/a'), undefined);
  });
});
