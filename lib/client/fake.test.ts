import assert from 'node:assert/strict';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import { pod } from '#lib/kinds/pod.ts';
import { testClientContract } from './contract.ts';
import { makeFakeClient } from './fake.ts';

testClientContract('makeFakeClient()', async () => {
  const env = makeRealEnv({ service: 'test', level: 'error' });
  const client = makeFakeClient(env);
  return { client, env, disconnect: client.disconnect, close: async () => {} };
});

suite('makeFakeClient()', () => {
  test('a pod on a node is deleted in two steps', async () => {
    const client = makeFakeClient(makeFakeEnv());
    const ref = { namespace: 'default', name: 'a' };
    await client.create(pod, { metadata: ref, spec: { containers: [{ name: 'c', image: 'i' }] } });
    await client.post(pod, ref, 'binding', { target: { name: 'n1' } });
    assert.equal((await client.get(pod, ref)).spec.nodeName, 'n1');
    await assert.rejects(client.post(pod, ref, 'binding', { target: { name: 'n2' } }), /already assigned to node "n1"/);
    const marked = await client.delete(pod, ref);
    assert.equal(marked.metadata.deletionGracePeriodSeconds, 30);
    await client.delete(pod, ref, { gracePeriodSeconds: 0 });
    await assert.rejects(client.get(pod, ref), /not found/);
  });
});
