import assert from 'node:assert/strict';
import type { PodSpec } from '#lib/kinds/gen/core-v1.ts';
import { decodeStaticPod } from './decode.ts';

const source = { nodeName: 'node-1', file: '/manifests/web.yaml', seenAt: '2026-01-01T00:00:00Z' };
const manifest = `
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  containers:
    - {name: app, image: "app:1", ports: [{containerPort: 80}]}
`;
const withSpec = (spec: Partial<PodSpec>) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web' },
    spec: { containers: [{ name: 'app', image: 'app:1' }], ...spec },
  });
const refused = (text: string, message: RegExp) => assert.throws(() => decodeStaticPod(text, source), { message });

suite('node-agent/static-pods/decode', () => {
  test('decodeStaticPod() names the pod after the node, marks it and fills in defaults', () => {
    const pod = decodeStaticPod(manifest, source);
    const { name, namespace, uid, labels, annotations } = pod.metadata;
    assert.deepEqual([name, namespace, labels], ['web-node-1', 'default', { app: 'web' }]);
    assert.match(uid, /^[0-9a-f]{32}$/);
    assert.deepEqual(annotations, {
      'kubernetes.io/config.hash': uid,
      'kubernetes.io/config.seen': source.seenAt,
      'kubernetes.io/config.source': 'file',
    });
    assert.deepEqual(
      [pod.spec.nodeName, pod.spec.restartPolicy, pod.spec.dnsPolicy],
      ['node-1', 'Always', 'ClusterFirst'],
    );
    assert.deepEqual(pod.spec.tolerations, [{ operator: 'Exists', effect: 'NoExecute' }]);
    assert.equal(pod.status?.phase, 'Pending');
  });

  test('decodeStaticPod() gives the same uid to the same contents in the same place alone', () => {
    const uid = (text: string, more: Partial<typeof source> = {}) =>
      decodeStaticPod(text, { ...source, ...more }).metadata.uid;
    assert.equal(uid(manifest), uid(manifest, { seenAt: '2027-01-01T00:00:00Z' }));
    const others = [
      uid(manifest.replace('app:1', 'app:2')),
      uid(manifest, { file: '/x' }),
      uid(manifest, { nodeName: 'n2' }),
    ];
    assert.equal(new Set([uid(manifest), ...others]).size, 4);
    assert.equal(uid(manifest.replace('name: web,', 'name: web, uid: mine,')), 'mine');
  });

  test('decodeStaticPod() refuses what is no pod or breaks a rule', () => {
    refused('', /^invalid pod: the file holds no object of kind Pod/);
    refused('{apiVersion: v1, kind: Service}', /^invalid pod: the file holds no object of kind Pod/);
    refused('a: [', /./);
    refused(withSpec({ restartPolicy: 'Sometimes' as 'Always' }), /^invalid pod: \[spec\.restartPolicy: /);
    refused(withSpec({ containers: [] }), /spec\.containers: Required value/);
  });

  test('decodeStaticPod() refuses pods that use objects of the API', () => {
    const volume = (more: object) => withSpec({ volumes: [{ name: 'v', ...more }] });
    const variable = (valueFrom: object) =>
      withSpec({ containers: [{ name: 'app', image: 'app:1', env: [{ name: 'A', valueFrom }] }] });
    refused(withSpec({ serviceAccountName: 'default' }), /^static pods may not reference serviceaccounts$/);
    refused(volume({ secret: { secretName: 's' } }), /reference secrets$/);
    refused(volume({ configMap: { name: 'c' } }), /reference configmaps$/);
    refused(variable({ secretKeyRef: { name: 's', key: 'k' } }), /reference secrets$/);
    refused(variable({ configMapKeyRef: { name: 'c', key: 'k' } }), /reference configmaps$/);
    refused(volume({ persistentVolumeClaim: { claimName: 'p' } }), /reference persistentvolumeclaims$/);
    assert.ok(decodeStaticPod(volume({ hostPath: { path: '/' } }), source));
  });
});
