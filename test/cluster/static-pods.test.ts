/** Pods that a node runs by itself, from files in its folder. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Pod, PodSpec } from '#lib/kinds/gen/core-v1.ts';
import { eventually } from '../harness/cluster.ts';
import { container, forever, makePlace } from './place.ts';
import type { Place } from './place.ts';

suite('static pods', function () {
  this.timeout(120_000);
  let place: Place;
  let manifests: string;
  let shared: string;
  const name = 'node-1';

  const put = (pod: string, spec: Partial<PodSpec>) => {
    const body = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: pod, namespace: place.namespace, labels: { app: pod } },
      spec: { terminationGracePeriodSeconds: 1, ...spec },
    };
    writeFileSync(`${manifests}/.draft`, JSON.stringify(body));
    renameSync(`${manifests}/.draft`, `${manifests}/${pod}.json`);
  };
  const withHost = (script: string) => ({
    containers: [container(script, { volumeMounts: [{ name: 'host', mountPath: '/host' }] })],
    volumes: [{ name: 'host', hostPath: { path: shared } }],
  });
  const absent = (pod: string) =>
    eventually(`${pod} is gone`, async () => (await place.kubectl('get', 'pod', '--ignore-not-found', pod)) === '');
  const hashOf = ({ metadata }: Pod) => metadata.annotations?.['kubernetes.io/config.mirror'];

  suiteSetup(async () => {
    place = await makePlace('static-pods');
    shared = mkdtempSync(path.join(os.tmpdir(), 'wherry-static-'));
    manifests = `${place.cluster.layout.nodes[0]!.stateDir}/manifests`;
  });
  suiteTeardown(async () => {
    for (const pod of ['web', 'lonely', 'greedy']) rmSync(`${manifests}/${pod}.json`, { force: true });
    await absent('lonely-node-1');
    await place.remove();
    rmSync(shared, { recursive: true, force: true });
  });

  test('a file becomes a pod that everybody sees, and cannot end but by its file', async () => {
    put('web', { containers: [container(`echo served; ${forever}`)] });
    await place.ready('web-node-1');
    const before = await place.pod('web-node-1');
    assert.deepEqual(
      before.metadata.ownerReferences?.map(({ kind, name: owner, controller }) => [kind, owner, controller]),
      [['Node', name, true]],
    );
    assert.equal(before.metadata.annotations?.['kubernetes.io/config.source'], 'file');
    assert.equal(before.metadata.annotations?.['kubernetes.io/config.hash'], hashOf(before));
    assert.equal(await place.kubectl('logs', 'web-node-1'), 'served\n');
    assert.equal(await place.exec('web-node-1', 'hostname'), 'web-node-1\n');
    // Not waited for: kubectl looks but once whether the name is another pod's now, and then watches the name until nothing has it.
    await place.kubectl('delete', 'pod', 'web-node-1', '--wait=false');
    const after = await eventually('the image again', async () => {
      const now = await place.pod('web-node-1');
      return now.metadata.uid !== before.metadata.uid && now.status?.phase === 'Running' && now;
    });
    const idOf = (pod: Pod) => pod.status?.containerStatuses?.[0]?.containerID;
    assert.equal(idOf(after), idOf(before));
    assert.deepEqual(after.status?.containerStatuses?.[0]?.restartCount, 0);
  });

  test('a changed file replaces its pod, and one that is gone ends it', async () => {
    const before = hashOf(await place.pod('web-node-1'));
    put('web', { containers: [container(`echo changed; ${forever}`)] });
    await eventually('the change', async () => hashOf(await place.pod('web-node-1')) !== before);
    await place.ready('web-node-1');
    await eventually('its word', async () => (await place.kubectl('logs', 'web-node-1')) === 'changed\n');
    rmSync(`${manifests}/web.json`);
    await absent('web-node-1');
  });

  test('a pod that names objects of the API is not taken', async () => {
    put('greedy', {
      containers: [container(forever)],
      volumes: [{ name: 'settings', configMap: { name: 'kube-root-ca.crt' } }],
    });
    const log = `${place.cluster.layout.logDir}/${name}.log`;
    await eventually('the refusal', () =>
      readFileSync(log, 'utf8').includes('static pods may not reference configmaps'),
    );
    assert.equal(await place.kubectl('get', 'pod', '--ignore-not-found', 'greedy-node-1'), '');
  });

  test('while the API is away they begin, after a start of the agent as well', async () => {
    const { cluster } = place;
    const controlPlane = cluster.pidOf('control-plane');
    const agent = cluster.pidOf(name);
    process.kill(controlPlane, 'SIGSTOP');
    try {
      process.kill(agent, 'SIGKILL');
      put('lonely', withHost(`echo here > /host/word; ${forever}`));
      await eventually(
        'its work',
        () => existsSync(`${shared}/word`) && readFileSync(`${shared}/word`, 'utf8') === 'here\n',
      );
      assert.notEqual(cluster.pidOf(name), agent);
    } finally {
      process.kill(controlPlane, 'SIGCONT');
    }
    await place.ready('lonely-node-1');
    assert.equal((await place.status('lonely-node-1'))?.restartCount, 0);
  });
});
