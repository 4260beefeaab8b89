import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { X509Certificate } from 'node:crypto';
import { parse } from 'yaml';
import { layKeys } from './keys.ts';
import { addToUserKubeconfig, removeFromUserKubeconfig, writeKubeconfig } from './kubeconfig.ts';
import { layoutOf } from './layout.ts';

interface Parsed {
  contexts: { name: string }[];
  'current-context': string;
  extra?: string;
}

suite('kubeconfig and keys', () => {
  let folder: string;
  setup(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'wherry-kubeconfig-'));
  });
  teardown(() => rmSync(folder, { recursive: true, force: true }));

  test('layKeys() keeps what is good, renews what is near its end or names other addresses', async () => {
    const one = layoutOf({ name: 'default', slot: 3, nodes: 1 }, { stateRoot: folder, runRoot: folder });
    const read = (name: string) => new X509Certificate(readFileSync(`${one.pkiDir}/${name}.crt`));
    const now = Date.now();
    await layKeys(one, now);
    const [authority, first] = [read('ca').fingerprint256, read('apiserver').fingerprint256];
    await layKeys(one, now);
    assert.equal(read('apiserver').fingerprint256, first);
    await layKeys({ ...one, gateway: '172.29.9.1' }, now);
    assert.notEqual(read('apiserver').fingerprint256, first);
    assert.match(read('apiserver').subjectAltName!, /172\.29\.9\.1/);
    const second = read('apiserver').fingerprint256;
    await layKeys({ ...one, gateway: '172.29.9.1' }, now + 300 * 24 * 3600 * 1000);
    assert.notEqual(read('apiserver').fingerprint256, second);
    assert.equal(read('ca').fingerprint256, authority);
  });

  test('addToUserKubeconfig() keeps other entries, and removeFromUserKubeconfig() takes only its own', async () => {
    const cluster = layoutOf({ name: 'ci', slot: 3, nodes: 1 }, { stateRoot: folder, runRoot: folder });
    mkdirSync(cluster.stateDir, { recursive: true });
    await layKeys(cluster, Date.now());
    writeKubeconfig(cluster);
    const file = `${folder}/user/config`;
    mkdirSync(`${folder}/user`);
    writeFileSync(file, 'contexts: [{name: other, context: {cluster: other}}]\ncurrent-context: other\nextra: kept\n');
    addToUserKubeconfig(cluster, file);
    addToUserKubeconfig(cluster, file);
    const added = parse(readFileSync(file, 'utf8')) as Parsed;
    assert.deepEqual(
      added.contexts.map((context) => context.name),
      ['other', 'wherry-ci'],
    );
    assert.equal(added['current-context'], 'wherry-ci');
    assert.equal(added.extra, 'kept');
    removeFromUserKubeconfig(cluster, file);
    assert.deepEqual(
      (parse(readFileSync(file, 'utf8')) as Parsed).contexts.map((context) => context.name),
      ['other'],
    );
  });

  test('addToUserKubeconfig() refuses a file that is no kubeconfig and leaves it as it was', async () => {
    const cluster = layoutOf({ name: 'ci', slot: 3, nodes: 1 }, { stateRoot: folder, runRoot: folder });
    mkdirSync(cluster.stateDir, { recursive: true });
    await layKeys(cluster, Date.now());
    writeFileSync(`${folder}/odd`, 'just words');
    assert.throws(() => addToUserKubeconfig(cluster, `${folder}/odd`), /not a kubeconfig/);
    assert.equal(readFileSync(`${folder}/odd`, 'utf8'), 'just words');
  });
});
