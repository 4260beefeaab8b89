import assert from 'node:assert/strict';
import { makeFakeEnv } from '#lib/env/fake.ts';
import type { FakeEnv } from '#lib/env/fake.ts';
import { collect, revisionOf, testStoreContract } from '../contract.ts';
import { makeMemoryStore } from '../memory.ts';
import type { MemoryStore } from '../memory.ts';
import { CompactedError } from '../types.ts';
import type { Store } from '../types.ts';
import { formsByKey } from './by-key.ts';
import type { FormsFor } from './by-key.ts';
import { readEncryptionConfig } from './config.ts';
import { encryptStore } from './store.ts';

const core = new Set(['secrets', 'configmaps', 'contract']);
const key = (name: string, byte: number) => `{name: ${name}, secret: ${Buffer.alloc(32, byte).toString('base64')}}`;
const gcm = (...keys: string[]) => `{aesgcm: {keys: [${keys.join(', ')}]}}`;
const cbc = (...keys: string[]) => `{aescbc: {keys: [${keys.join(', ')}]}}`;
const identity = '{identity: {}}';
const formsFor = (resources: string, ...providers: string[]) =>
  formsByKey(
    readEncryptionConfig(`{apiVersion: apiserver.config.k8s.io/v1, kind: EncryptionConfiguration,
      resources: [{resources: [${resources}], providers: [${providers.join(', ')}]}]}`),
    core,
  );

const always = (forms: FormsFor) => ({ formsFor: forms, onChange: () => () => {} });
const everything = formsFor("'*.*'", gcm(key('a', 1)));
testStoreContract(
  'encryptStore()',
  async () => {
    const raw = makeMemoryStore(makeFakeEnv());
    return { store: encryptStore(raw, always(everything)), compact: async (revision) => raw.compact(revision) };
  },
  async () => {},
);

suite('encryptStore()', () => {
  let env: FakeEnv;
  let raw: MemoryStore;
  let store: Store;
  let forms: FormsFor;
  let listeners: Set<() => void>;
  const place = '/registry/secrets/default/a';
  const plain = Buffer.from('{"metadata":{"name":"a"},"data":{"x":"hush"}}');
  setup(() => {
    env = makeFakeEnv();
    raw = makeMemoryStore(env);
    forms = formsFor('secrets', gcm(key('k1', 1)), identity);
    listeners = new Set();
    store = encryptStore(raw, {
      get formsFor() {
        return forms;
      },
      onChange(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    });
  });
  const configure = (...providers: string[]) => {
    forms = formsFor('secrets', ...providers);
    for (const listener of listeners) listener();
  };
  const kept = async (at = place) => (await raw.get(at))!.value.toString('latin1');

  test('keeps nothing that can be read, and gives back what was written', async () => {
    const revision = revisionOf(await store.put(place, plain, 0n));
    assert.match(await kept(), /^k8s:enc:aesgcm:v1:k1:/);
    assert.ok(!(await kept()).includes('hush'));
    assert.deepEqual(await store.get(place), { key: place, value: plain, revision });
    assert.deepEqual((await store.list('/registry/')).items, [{ key: place, value: plain, revision }]);
    const refused = await store.put(place, plain, 0n);
    assert.deepEqual(!refused.ok && refused.current?.value, plain);
    const [event] = await collect(store.watch('/registry/', 1n, new AbortController().signal), 1);
    assert.deepEqual(event?.value, plain);
  });

  test('hands on values of other resources as they are', async () => {
    const other = '/registry/configmaps/default/a';
    await store.put(other, plain, 0n);
    assert.equal((await store.get(other))?.value, (await raw.get(other))?.value);
    assert.equal(await kept(other), plain.toString());
    await store.put('/ranges/x/y', plain, 0n);
    assert.equal(await kept('/ranges/x/y'), plain.toString());
  });

  test('never seals two values alike', async () => {
    await store.put(place, plain, 0n);
    const first = await kept();
    await store.put(place, plain, (await raw.get(place))!.revision);
    assert.notEqual(await kept(), first);
  });

  test('reads what was written plain, and says that it is stale', async () => {
    await raw.put(place, plain, 0n);
    const found = await store.get(place);
    assert.deepEqual([found?.value, found?.stale], [plain, true]);
  });

  test('rotates: the old key reads and is stale, until everything is written anew', async () => {
    const first = revisionOf(await store.put(place, plain, 0n));
    configure(gcm(key('k2', 2), key('k1', 1)));
    assert.equal((await store.get(place))?.stale, true);
    await store.put(place, plain, first);
    assert.match(await kept(), /^k8s:enc:aesgcm:v1:k2:/);
    configure(gcm(key('k2', 2)));
    const found = await store.get(place);
    assert.deepEqual([found?.value, found?.stale], [plain, undefined]);
  });

  test('tries keys of one name, and providers of one sort, one after the other', async () => {
    await store.put(place, plain, 0n);
    configure(gcm(key('k1', 9)), cbc(key('k1', 1)), gcm(key('k1', 1)));
    const found = await store.get(place);
    assert.deepEqual([found?.value, found?.stale], [plain, true]);
  });

  test('reads and writes AES-CBC, whose values may lie anywhere', async () => {
    configure(cbc(key('c', 3)));
    await store.put(place, plain, 0n);
    assert.match(await kept(), /^k8s:enc:aescbc:v1:c:/);
    assert.deepEqual((await store.get(place))?.value, plain);
    const other = `${place}2`;
    await raw.put(other, (await raw.get(place))!.value, 0n);
    assert.deepEqual((await store.get(other))?.value, plain);
  });

  test('goes back to plain values when these come first', async () => {
    const first = revisionOf(await store.put(place, plain, 0n));
    configure(identity, gcm(key('k1', 1)));
    assert.deepEqual([(await store.get(place))?.value, (await store.get(place))?.stale], [plain, true]);
    await store.put(place, plain, first);
    assert.equal(await kept(), plain.toString());
  });

  test('reads what others have sealed in the same format', async () => {
    // AES-256-GCM of `{}` by 32 bytes of 1, with a nonce of 12 bytes of 0 and the store's key as additional data: made with Python's cryptography.
    const sealed = Buffer.from('AAAAAAAAAAAAAAAAxEhORswrU+Vh7pHJddUZ/qHR', 'base64');
    await raw.put(place, Buffer.concat([Buffer.from('k8s:enc:aesgcm:v1:k1:'), sealed]), 0n);
    assert.equal((await store.get(place))?.value.toString(), '{}');
  });

  const faultOf = async (at = place) => (await store.get(at))?.fault?.message;

  test('refuses values that were changed, shortened, moved from another key, or sealed by other keys', async () => {
    await store.put(place, plain, 0n);
    const sealed = (await raw.get(place))!.value;
    const changed = Buffer.from(sealed);
    changed[changed.length - 20]! ^= 1;
    const put = async (name: string, value: Buffer) =>
      void (await raw.put(`/registry/secrets/default/${name}`, value, 0n));
    await put('changed', changed);
    await put('short', sealed.subarray(0, 30));
    await put('moved', sealed);
    await put('strange', Buffer.from('k8s:enc:kms:v2:x:abc'));
    assert.equal(await faultOf('/registry/secrets/default/changed'), 'cipher: message authentication failed');
    assert.equal(await faultOf('/registry/secrets/default/moved'), 'cipher: message authentication failed');
    assert.match((await faultOf('/registry/secrets/default/short'))!, /shorter than the required size/);
    assert.equal(await faultOf('/registry/secrets/default/strange'), 'no matching prefix found');
    configure(gcm(key('k2', 2)));
    assert.equal(await faultOf(), 'no matching key was found for the provided AES transformer');
    assert.equal((await store.get(place))?.value.length, 0);
    await raw.put('/registry/configmaps/default/x', sealed, 0n);
    assert.equal(await faultOf('/registry/configmaps/default/x'), 'identity transformer tried to read encrypted data');
  });

  test('refuses plain values where nothing allows them', async () => {
    await raw.put(place, plain, 0n);
    configure(gcm(key('k1', 1)));
    assert.equal(await faultOf(), 'no matching prefix found');
  });

  test('watch() ends when the keys change after a value could not be read, and only then', async () => {
    const abort = new AbortController();
    await store.put(place, plain, 0n);
    let reading = store.watch('/registry/', 1n, abort.signal)[Symbol.asyncIterator]();
    await reading.next();
    const going = reading.next();
    configure(gcm(key('k2', 2)));
    await store.put(`${place}2`, plain, 0n);
    assert.equal((await going).value.events[0].fault, undefined);
    await reading.return?.();

    reading = store.watch('/registry/', 1n, abort.signal)[Symbol.asyncIterator]();
    const { value: batch } = await reading.next();
    assert.match(batch.events[0].fault.message, /no matching key/);
    const ending = reading.next();
    configure(gcm(key('k2', 2), key('k1', 1)));
    await assert.rejects(ending, CompactedError);
    abort.abort();
  });
});

suite('formsByKey()', () => {
  const rules = (...lists: [string, string][]) =>
    formsByKey(
      lists.flatMap(([resources, provider]) =>
        readEncryptionConfig(`{apiVersion: apiserver.config.k8s.io/v1, kind: EncryptionConfiguration,
          resources: [{resources: [${resources}], providers: [${provider}]}]}`),
      ),
      core,
    );
  const nameOf = (forms: FormsFor, place: string) =>
    forms(`/registry/${place}`)?.seal(Buffer.from('{}'), '').toString('latin1').split(':')[4] ?? 'none';

  test('takes the first rule about a resource, wildcards included', () => {
    const forms = rules(
      ['secrets', gcm(key('s', 1))],
      ['deployments.apps, widgets.example.com', gcm(key('d', 2))],
      ["'*.apps'", gcm(key('apps', 3))],
      ["'*.'", gcm(key('core', 4))],
    );
    assert.equal(nameOf(forms, 'secrets/a/b'), 's');
    assert.equal(nameOf(forms, 'configmaps/a/b'), 'core');
    assert.equal(nameOf(forms, 'apps/deployments/a/b'), 'd');
    assert.equal(nameOf(forms, 'example.com/widgets/a/b'), 'd');
    assert.equal(nameOf(forms, 'apps/replicasets/a/b'), 'apps');
    assert.equal(nameOf(forms, 'batch/jobs/a/b'), 'none');
    assert.equal(nameOf(rules(["'*.*'", gcm(key('all', 4))]), 'batch/jobs/a/b'), 'all');
  });
});
