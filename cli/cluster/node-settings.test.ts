import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { layoutOf } from './layout.ts';
import { layNodeSettings, nodeSettings, readNodeSettings } from './node-settings.ts';

const node = 'apiVersion: node.wherry.local/v1alpha1\nkind: NodeConfiguration\n';

suite('node settings', () => {
  let root: string;
  let file: string;

  setup(() => {
    root = mkdtempSync(path.join(os.tmpdir(), 'wherry-node-settings-'));
    file = path.join(root, 'node.yaml');
  });
  teardown(() => rmSync(root, { recursive: true, force: true }));

  test('readNodeSettings() says what cannot be before there is anything of a cluster', async () => {
    const stateDir = path.join(root, 'state/new');
    writeFileSync(file, `${node}ephemeralStorage: refuse\n`);
    assert.match((await readNodeSettings(file, stateDir))!, /ephemeralStorage: refuse/);
    writeFileSync(file, `${node}ephemeralStorage: never\n`);
    await assert.rejects(readNodeSettings(file, stateDir), /must be one of "evict", "refuse"/);
    writeFileSync(
      file,
      'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nkubeReserved: {cpu: "100000"}\n',
    );
    await assert.rejects(readNodeSettings(file, stateDir), /invalid Node Allocatable configuration/);
    assert.ok(!existsSync(path.dirname(stateDir)));
    assert.equal(await readNodeSettings('none', stateDir), undefined);
  });

  test('layNodeSettings() keeps settings until they are none', () => {
    const layout = layoutOf({ name: 'settings', slot: 0, nodes: 1 }, { stateRoot: root, runRoot: root });
    const cluster = { ...layout, nodeSettings: path.join(root, 'node-config.yaml') };
    assert.deepEqual(nodeSettings(cluster), {});
    layNodeSettings(cluster, `${node}honestProc: false\n`);
    assert.deepEqual(nodeSettings(cluster), { honestProc: false });
    layNodeSettings(cluster, undefined);
    assert.deepEqual(nodeSettings(cluster), {});
    assert.deepEqual(readdirSync(root), []);
  });
});
