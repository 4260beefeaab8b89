import assert from 'node:assert/strict';
import { readSettings } from './settings-file.ts';

const kubelet = 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n';
const node = 'apiVersion: node.wherry.local/v1alpha1\nkind: NodeConfiguration\n';
const wanted =
  '"apiVersion: kubelet.config.k8s.io/v1beta1" and "kind: KubeletConfiguration", or "apiVersion: node.wherry.local/v1alpha1" and "kind: NodeConfiguration"';
const refusalOf = (text: string): string[] => {
  try {
    return [`taken as ${JSON.stringify(readSettings(text))}`];
  } catch (error) {
    return (error as Error).message.split('\n');
  }
};
const file = 'Cannot take the file of settings:';

suite('node-agent/settings/settings-file', () => {
  test('readSettings() reads a document of either kind, or one of each in any order', () => {
    const ofKubelet = `${kubelet}maxPods: 30\n`;
    const ofNode = `${node}honestProc: true\nephemeralStorage: refuse\n`;
    const own = { honestProc: true, ephemeralStorage: 'refuse' };
    assert.deepEqual(readSettings(ofKubelet), { maxPods: 30 });
    assert.deepEqual(readSettings(ofNode), own);
    assert.deepEqual(readSettings(`${ofKubelet}---\n${ofNode}`), { maxPods: 30, ...own });
    assert.deepEqual(readSettings(`# The nodes.\n---\n${ofNode}---\n${ofKubelet}`), { maxPods: 30, ...own });
  });

  test('readSettings() passes over documents that are empty', () => {
    assert.deepEqual(readSettings(`---\n---\n${kubelet}maxPods: 3\n---\n# nothing\n---\n`), { maxPods: 3 });
    assert.deepEqual(readSettings(`${node}honestProc:\nephemeralStorage: ""\n---\n`), {});
  });

  test('readSettings() reads JSON', () => {
    const says = { apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration', maxPods: 3 };
    assert.deepEqual(readSettings(JSON.stringify(says, null, 2)), { maxPods: 3 });
    const own = { apiVersion: 'node.wherry.local/v1alpha1', kind: 'NodeConfiguration', honestProc: false };
    assert.deepEqual(readSettings(JSON.stringify(own)), { honestProc: false });
  });

  test('readSettings() tells all faults at once, and which document they are in', () => {
    const text = `${kubelet}maxPodz: 3
clusterDNS: [10.0.0.10]
---
${node}honestProc: "yes"
ephemeralStorage: deny
maxPods: 4
---
${node}honestProc: true
---
kind: KubeProxyConfiguration
apiVersion: kubeproxy.config.k8s.io/v1alpha1
`;
    assert.deepEqual(refusalOf(text), [
      file,
      '  document 3 is a second NodeConfiguration',
      `  document 4 must say ${wanted}`,
      'Cannot take the KubeletConfiguration:',
      '  maxPodz: strict decoding error: unknown field "maxPodz"',
      '  clusterDNS: nodes do not have this setting',
      'Cannot take the NodeConfiguration:',
      '  honestProc: must be true or false',
      '  ephemeralStorage: must be one of "evict", "refuse"',
      '  maxPods: strict decoding error: unknown field "maxPods"',
    ]);
  });

  test('readSettings() demands documents of these kinds, and of these versions', () => {
    for (const text of ['', '---\n', '# nothing\n', 'null'])
      assert.deepEqual(refusalOf(text), [file, `  it is empty: it must say ${wanted}`]);
    for (const text of [
      'a',
      '[]',
      kubelet.replace('v1beta1', 'v1'),
      node.replace('v1alpha1', 'v1'),
      'honestProc: true',
    ])
      assert.deepEqual(refusalOf(text), [file, `  document 1 must say ${wanted}`]);
    assert.deepEqual(refusalOf(`${kubelet}---\n${kubelet}`), [file, '  document 2 is a second KubeletConfiguration']);
  });

  test('readSettings() refuses what is not YAML, and fields that are said twice', () => {
    for (const text of [`${kubelet}maxPods: 1\nmaxPods: 2\n`, `${kubelet}a: [`, `${kubelet}---\n${node}honestProc: {`])
      assert.match(
        refusalOf(text).join('\n'),
        /^Cannot take the file of settings:\n {2}not YAML, near character \d+ \(\w+\)$/,
      );
  });
});
