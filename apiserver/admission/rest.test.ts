import assert from 'node:assert/strict';
import { makeRealEnv } from '#lib/env/real.ts';
import { configBeside, startTestApi } from '../../test/harness/api.ts';
import type { TestApi } from '../../test/harness/api.ts';
import { start } from '../start.ts';

suite('admission over REST', () => {
  let api: TestApi;

  suiteSetup(async function () {
    this.timeout(20_000);
    api = await startTestApi();
  });

  suiteTeardown(() => api.stop());

  const core = '/api/v1/namespaces';
  const put = async (path: string, body: object) => {
    const answer = await api.ask('POST', path, { body });
    assert.equal(answer.code, 201, answer.bytes.toString());
    return answer;
  };
  const patch = (path: string, body: object) =>
    api.ask('PATCH', path, { body, headers: { 'content-type': 'application/merge-patch+json' } });
  const podOf = (name: string, spec: object = {}) => ({
    metadata: { name },
    spec: { containers: [{ name: 'c', image: 'registry.local/app:1' }], ...spec },
  });

  async function makeSpace(name: string, labels: Record<string, string> = {}): Promise<string> {
    await put(core, { metadata: { name, labels } });
    await put(`${core}/${name}/serviceaccounts`, { metadata: { name: 'default' } });
    return `${core}/${name}`;
  }

  test('a new cluster has a default storage class, which claims get and which stays away once deleted', async () => {
    const classes = '/apis/storage.k8s.io/v1/storageclasses';
    const { body } = await api.ask('GET', `${classes}/folder`);
    assert.deepEqual(body.metadata.annotations, { 'storageclass.kubernetes.io/is-default-class': 'true' });
    assert.deepEqual(
      [body.provisioner, body.reclaimPolicy, body.volumeBindingMode],
      ['wherry.local/folder', 'Delete', 'WaitForFirstConsumer'],
    );
    const space = await makeSpace('claims');
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
    const claim = await put(`${space}/persistentvolumeclaims`, { metadata: { name: 'c' }, spec });
    assert.equal(claim.body.spec.storageClassName, 'folder');
    assert.deepEqual(claim.body.metadata.finalizers, ['kubernetes.io/pvc-protection']);
    await api.ask('DELETE', `${classes}/folder`);
    await api.restart();
    assert.equal((await api.ask('GET', `${classes}/folder`)).code, 404);
  });

  test('new nodes are tainted, and what is invalid is told before what is forbidden', async () => {
    const node = await put('/api/v1/nodes', { metadata: { name: 'n1' } });
    assert.deepEqual(node.body.spec.taints, [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }]);
    const space = await makeSpace('order', { 'pod-security.kubernetes.io/enforce': 'restricted' });
    const post = (body: object) => api.ask('POST', `${space}/pods`, { body });
    assert.equal((await post(podOf('p', { restartPolicy: 'Sometimes' }))).code, 422);
    const refused = await post(podOf('p'));
    assert.equal(refused.code, 403);
    assert.match(refused.body.message, /^pods "p" is forbidden: violates PodSecurity "restricted:latest": allowPriv/);
    assert.deepEqual(refused.body.details, { name: 'p', kind: 'pods' });
  });

  test('warnings of pod security go into headers', async () => {
    const space = await makeSpace('warned', { 'pod-security.kubernetes.io/warn': 'baseline' });
    const answer = await put(`${space}/pods`, podOf('p', { hostNetwork: true }));
    assert.equal(
      answer.headers['warning'],
      '299 - "would violate PodSecurity \\"baseline:latest\\": host namespaces (hostNetwork=true)"',
    );
    const stricter = await patch(space, { metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'baseline' } } });
    assert.equal(stricter.code, 200);
    assert.match(String(stricter.headers['warning']), /existing pods in namespace \\"warned\\" violate the new PodSec/);
    const bad = await patch(space, { metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'tight' } } });
    assert.equal(bad.code, 422);
  });

  test('limits are filled in and held', async () => {
    const space = await makeSpace('limited');
    const limits = [{ type: 'Container', max: { memory: '1Gi' }, default: { memory: '512Mi' } }];
    await put(`${space}/limitranges`, { metadata: { name: 'l' }, spec: { limits } });
    const created = await put(`${space}/pods`, podOf('p'));
    assert.deepEqual(created.body.spec.containers[0].resources, {
      limits: { memory: '512Mi' },
      requests: { memory: '512Mi' },
    });
    assert.equal(created.body.status.qosClass, 'Burstable');
    const containers = [{ name: 'c', image: 'i', resources: { limits: { memory: '2Gi' } } }];
    const refused = await api.ask('POST', `${space}/pods`, { body: podOf('q', { containers }) });
    assert.equal(refused.code, 403);
    assert.equal(
      refused.body.message,
      'pods "q" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi',
    );
  });

  test('a quota holds for two servers together', async function () {
    this.timeout(20_000);
    const space = await makeSpace('full');
    const hard = { pods: '20' };
    await put(`${space}/resourcequotas`, { metadata: { name: 'q' }, spec: { hard } });
    await patch(`${space}/resourcequotas/q/status`, { status: { hard, used: { pods: '0' } } });
    const second = await start(configBeside(api, 'second', '10.99.0.2'), makeRealEnv({ service: 'test' }));
    try {
      const { port } = second.address;
      const urls = ['', `https://127.0.0.1:${port}`];
      const answers = await Promise.all(
        Array.from({ length: 40 }, (_, i) =>
          api.ask('POST', `${space}/pods`, { body: podOf(`p${i}`), ...(urls[i % 2] && { url: urls[i % 2]! }) }),
        ),
      );
      const codes = answers.map(({ code }) => code).sort((a, b) => a - b);
      assert.deepEqual(codes, [...Array<number>(20).fill(201), ...Array<number>(20).fill(403)]);
      assert.equal((await api.ask('GET', `${space}/pods`)).body.items.length, 20);
      assert.deepEqual((await api.ask('GET', `${space}/resourcequotas/q`)).body.status.used, { pods: '20' });
    } finally {
      await second.stop();
    }
  });

  test('a plugin that does not exist keeps the server from starting, and nothing stays behind', async () => {
    const config = { ...configBeside(api, 'third', '10.99.0.3'), admission: { enable: ['Nonsense'] } };
    await assert.rejects(start(config, makeRealEnv({ service: 'test' })), /there is no plugin "Nonsense"/);
  });
});
