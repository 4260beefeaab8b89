/** Secrets encrypted at rest, as who reads etcd, who rotates keys, and who uses the API see it. */
import assert from 'node:assert/strict';
import { Etcd3 } from 'etcd3';
import type { TestApi } from '../harness/api.ts';
import { encryptionBy, eventually, operatedApi, replaceFile } from './operated.ts';
import { spaceIn } from './server.ts';

suite('encryption at rest', function () {
  this.timeout(60_000);
  const name = 'encryption';
  const path = `/api/v1/namespaces/${name}/secrets`;
  const keyOf = (secret: string) => `/registry/secrets/${name}/${secret}`;
  const data = { word: Buffer.from('hush-hush').toString('base64') };
  let api: TestApi;
  let etcd: Etcd3;
  suiteSetup(async () => {
    api = await operatedApi();
    etcd = new Etcd3({ hosts: api.etcd.endpoint });
    await spaceIn(api, name);
  });
  suiteTeardown(() => etcd.close());
  teardown(async () => {
    await etcd.delete().prefix(keyOf(''));
    configure(1);
    await eventually('key 1 writes again', async () => (await formOf(await create('probe'))) === 'k1');
    await etcd.delete().prefix(keyOf(''));
  });

  const configure = (...keys: number[]) => replaceFile(api.config.encryptionConfigFile!, encryptionBy(...keys));
  const raw = async (secret: string) => (await etcd.get(keyOf(secret)).buffer()) ?? Buffer.alloc(0);
  /** The name of the key that a Secret is kept under. */
  const formOf = async (secret: string) =>
    /^k8s:enc:aesgcm:v1:(\w+):/.exec((await raw(secret)).toString('latin1'))?.[1];
  let count = 0;
  const create = async (prefix: string) => {
    const secret = `${prefix}-${count++}`;
    const answer = await api.ask('POST', path, { body: { metadata: { name: secret }, data } });
    assert.equal(answer.code, 201);
    return secret;
  };
  const get = (secret: string) => api.ask('GET', `${path}/${secret}`);
  const rotated = (key: number) =>
    eventually(`key ${key} writes`, async () => (await formOf(await create('probe'))) === `k${key}`);

  test('etcd holds nothing that can be read, and clients read everything', async () => {
    const watch = await api.watch(`${path}?watch=true`);
    const secret = await create('plain');
    await api.ask('POST', `/api/v1/namespaces/${name}/configmaps`, { body: { metadata: { name: 'open' }, data } });
    assert.equal(await formOf(secret), 'k1');
    const kept = (await raw(secret)).toString('latin1');
    for (const word of ['hush-hush', data.word, secret, 'metadata']) assert.ok(!kept.includes(word), word);
    assert.match((await etcd.get(`/registry/configmaps/${name}/open`))!, /metadata/);
    assert.deepEqual((await get(secret)).body.data, data);
    assert.deepEqual((await api.ask('GET', path)).body.items[0].data, data);
    const { type, object } = await watch.next();
    watch.close();
    assert.deepEqual([type, object.data], ['ADDED', data]);
    const patched = await api.ask('PATCH', `${path}/${secret}`, {
      body: { metadata: { labels: { a: 'b' } } },
      headers: { 'content-type': 'application/merge-patch+json' },
    });
    assert.equal(patched.code, 200);
    assert.equal((await api.ask('DELETE', `${path}/${secret}`)).code, 200);
  });

  test('after a rotation, replacing an object by itself brings it under the new key, once', async () => {
    const secret = await create('rotated');
    const first = await get(secret);
    configure(2, 1);
    await rotated(2);
    assert.equal(await formOf(secret), 'k1');
    const replaced = await api.ask('PUT', `${path}/${secret}`, { body: first.body });
    assert.equal(replaced.code, 200);
    assert.equal(await formOf(secret), 'k2');
    assert.notEqual(replaced.body.metadata.resourceVersion, first.body.metadata.resourceVersion);
    assert.deepEqual(replaced.body.data, data);
    const again = await api.ask('PUT', `${path}/${secret}`, { body: replaced.body });
    assert.equal(again.body.metadata.resourceVersion, replaced.body.metadata.resourceVersion);
  });

  test('a server that starts in the middle of a rotation reads both halves, and the rest can be done', async () => {
    const secrets = await Promise.all(Array.from({ length: 6 }, () => create('half')));
    configure(2, 1);
    await rotated(2);
    const replace = async (secret: string) => {
      const { body } = await get(secret);
      assert.equal((await api.ask('PUT', `${path}/${secret}`, { body })).code, 200);
    };
    await Promise.all(secrets.slice(0, 3).map(replace));
    await api.restart();
    for (const secret of secrets) assert.deepEqual((await get(secret)).body.data, data);
    assert.deepEqual(await Promise.all(secrets.map(formOf)), ['k2', 'k2', 'k2', 'k1', 'k1', 'k1']);
    await Promise.all(secrets.map(replace));
    configure(2);
    await api.restart();
    for (const secret of secrets) assert.deepEqual((await get(secret)).body.data, data);
  });

  test('a value that no key opens fails its own requests and lists, and nothing else', async () => {
    const secret = await create('moved');
    const watch = await api.watch(
      `${path}?watch=true&resourceVersion=${(await get(secret)).body.metadata.resourceVersion}`,
    );
    // As who can write to etcd would: a value that is good at another key.
    await etcd.put(keyOf('copy')).value(await raw(secret));
    const because = 'cipher: message authentication failed';
    await eventually('the copy is seen', async () => (await get('copy')).code === 500);
    const found = await get('copy');
    assert.deepEqual(found.body, {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: `Internal error occurred: ${because}`,
      reason: 'InternalError',
      details: { causes: [{ message: because }] },
      code: 500,
    });
    for (const list of [path, '/api/v1/secrets', `${path}?limit=1&resourceVersion=0`]) {
      const { code, body } = await api.ask('GET', list);
      assert.equal(code, 500);
      assert.equal(body.message, `Internal error occurred: unable to transform key "${keyOf('copy')}": ${because}`);
    }
    assert.equal((await get(secret)).code, 200);
    assert.equal((await api.ask('GET', `/api/v1/namespaces/default/secrets`)).code, 200);
    assert.equal((await api.ask('DELETE', `${path}/copy`)).code, 500);
    assert.equal((await api.ask('POST', path, { body: { metadata: { name: 'copy' } } })).code, 409);
    await api.ask('PUT', `${path}/${secret}`, { body: { metadata: { name: secret }, data: {} } });
    const { object } = await watch.next();
    assert.equal(object.metadata.name, secret);
    watch.close();

    await api.restart();
    assert.equal((await get('copy')).code, 500);
    assert.equal((await get(secret)).code, 200);
    await etcd.delete().key(keyOf('copy'));
    await eventually('the copy is gone', async () => (await api.ask('GET', path)).code === 200);
    assert.equal((await get('copy')).code, 404);
  });

  test('a key that comes back makes what it wrote readable while the server runs', async () => {
    const secret = await create('lost');
    configure(2);
    await rotated(2);
    await api.restart();
    assert.equal(
      (await get(secret)).body.message.split(': ')[1],
      'no matching key was found for the provided AES transformer',
    );
    configure(2, 1);
    await eventually('it is readable', async () => (await get(secret)).code === 200);
    assert.deepEqual((await get(secret)).body.data, data);
  });

  test('a configuration with faults changes nothing', async () => {
    replaceFile(api.config.encryptionConfigFile!, 'kind: Nothing\n');
    const secret = await create('still');
    assert.equal(await formOf(secret), 'k1');
    assert.equal((await get(secret)).code, 200);
  });
});
