import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFakeEnv } from '#lib/env/fake.ts';
import type { FakeEnv } from '#lib/env/fake.ts';
import { layKeys } from './keys.ts';
import { layoutOf } from './layout.ts';
import type { ClusterLayout } from './layout.ts';
import { renewKeys } from './renewal.ts';

const dayMs = 24 * 60 * 60 * 1000;
const names = ['apiserver', 'admin', 'proxy', 'node-1'];

suite('keys of a cluster', () => {
  let env: FakeEnv;
  let root: string;
  let cluster: ClusterLayout;
  setup(() => {
    env = makeFakeEnv();
    root = mkdtempSync(join(tmpdir(), 'wherry-keys-'));
    cluster = layoutOf({ name: 'k', slot: 31, nodes: 1 }, { stateRoot: root, runRoot: join(root, 'run') });
  });
  teardown(() => rmSync(root, { recursive: true, force: true }));

  const textOf = (file: string) => readFileSync(`${cluster.pkiDir}/${file}`, 'utf8');
  const certificateOf = (name: string) => new X509Certificate(textOf(`${name}.crt`));
  const serials = () => Object.fromEntries(names.map((name) => [name, certificateOf(name).serialNumber]));
  const isPair = (name: string) => certificateOf(name).checkPrivateKey(createPrivateKey(textOf(`${name}.key`)));

  test('layKeys() makes everything once, for root alone to read', async () => {
    const { dueMs, authorityEndsMs } = await layKeys(cluster, env.now());
    const first = serials();
    const encryption = textOf('encryption.yaml');
    assert.ok(Math.abs(dueMs - env.now() - (365 * 2 * dayMs) / 3) < dayMs);
    assert.ok(authorityEndsMs > env.now() + 3000 * dayMs);
    await layKeys(cluster, env.now() + 200 * dayMs);
    assert.deepEqual(serials(), first);
    assert.equal(textOf('encryption.yaml'), encryption);
    assert.match(encryption, /resources: \[secrets\]\n.*\n *- aesgcm:/);
    for (const file of ['encryption.yaml', 'ca.key', 'apiserver.key'])
      assert.equal(statSync(`${cluster.pkiDir}/${file}`).mode & 0o777, 0o600);
  });

  test('layKeys() issues anew what has less than a third of its life left, and what is not whole', async () => {
    await layKeys(cluster, env.now());
    const first = serials();
    const authority = textOf('ca.crt');
    await layKeys(cluster, env.now() + 250 * dayMs);
    const second = serials();
    for (const name of names) assert.notEqual(second[name], first[name]);
    assert.equal(textOf('ca.crt'), authority);
    // As after a crash between the two files.
    writeFileSync(`${cluster.pkiDir}/admin.key`, textOf('proxy.key'));
    await layKeys(cluster, env.now() + 250 * dayMs);
    assert.ok(isPair('admin'));
    const third = serials();
    assert.deepEqual({ ...third, admin: '' }, { ...second, admin: '' });
    assert.notEqual(third['admin'], second['admin']);
  });

  test('two that lay keys at once end with pairs that belong together', async () => {
    await layKeys(cluster, env.now());
    const later = env.now() + 300 * dayMs;
    await Promise.all([layKeys(cluster, later), layKeys(cluster, later), layKeys(cluster, later)]);
    for (const name of names) assert.ok(isPair(name), name);
  });

  test('certificates end with their authority at the latest, and are still issued at its end', async () => {
    await layKeys(cluster, env.now());
    const { validToDate } = certificateOf('ca');
    await layKeys(cluster, validToDate.getTime() - 30 * dayMs);
    assert.deepEqual(certificateOf('admin').validToDate, validToDate);
    const { dueMs } = await layKeys(cluster, validToDate.getTime() - dayMs);
    assert.ok(dueMs < validToDate.getTime());
  });

  test('renewKeys() renews in time, the kubeconfig too, for as long as it runs', async () => {
    await layKeys(cluster, env.now());
    writeFileSync(`${cluster.stateDir}/cluster.json`, JSON.stringify({ name: 'k', slot: 31, nodes: 2 }));
    const folders = { stateRoot: root, runRoot: join(root, 'run') };
    const renewal = await renewKeys({ name: 'k', folders }, env);
    assert.ok(certificateOf('node-2').serialNumber, 'the cluster has grown');
    const first = serials();
    const advanceDays = async (days: number) => {
      for (let half = 0; half < days * 2; half++) await env.advance(dayMs / 2);
    };
    await advanceDays(200);
    assert.deepEqual(serials(), first);
    await advanceDays(50);
    const deadline = Date.now() + 10_000;
    while (serials()['admin'] === first['admin'] && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 10));
    await renewal.stop();
    for (const name of names) assert.notEqual(serials()[name], first[name]);
    assert.ok(
      readFileSync(cluster.kubeconfig, 'utf8').includes(
        Buffer.from(textOf('admin.crt')).toString('base64').slice(0, 200),
      ),
    );
    const last = serials();
    await advanceDays(300);
    assert.deepEqual(serials(), last, 'nothing is renewed after stop()');
  });
});
