/** `rollout`, with the parts of its controllers played by the test. */
import assert from 'node:assert/strict';
import type { KubectlRun } from './run.ts';

interface Owner {
  metadata: { uid: string; generation: number };
  spec: { template: { spec: { containers: { image: string }[] } } };
}

export async function rollout(kubectl: KubectlRun): Promise<void> {
  const { run, refuse, api, path, minor } = kubectl;
  await run('create', 'deployment', 'rolled', '--image=registry.local/a:1', '--replicas=2');
  const read = async () => JSON.parse(await run('get', 'deploy', 'rolled', '-o', 'json')) as Owner;
  const report = async (more: object) => {
    const { metadata } = await read();
    const body = { status: { observedGeneration: metadata.generation, replicas: 2, updatedReplicas: 2, ...more } };
    const headers = { 'content-type': 'application/merge-patch+json' };
    const { code } = await api.ask('PATCH', `${path}/deployments/rolled/status`.replace('/api/v1', '/apis/apps/v1'), {
      body,
      headers,
    });
    assert.equal(code, 200);
  };
  await report({ readyReplicas: 1, availableReplicas: 1 });
  assert.match(
    await refuse('rollout', 'status', 'deployment/rolled', '--timeout=1s'),
    /timed out|context deadline exceeded/,
  );
  await report({ readyReplicas: 2, availableReplicas: 2 });
  assert.match(await run('rollout', 'status', 'deployment/rolled'), /successfully rolled out/);

  await keepRevision(kubectl, await read(), 1);
  await run('set', 'image', 'deployment/rolled', 'a=registry.local/a:2');
  await keepRevision(kubectl, await read(), 2);
  assert.match(await run('rollout', 'history', 'deployment/rolled'), /^1 +<none>\n2 +<none>$/m);
  assert.match(await run('rollout', 'history', 'deployment/rolled', '--revision=1'), /Image:\tregistry\.local\/a:1/);
  assert.match(await run('rollout', 'undo', 'deployment/rolled', '--to-revision=1'), /rolled back/);
  assert.equal((await read()).spec.template.spec.containers[0]!.image, 'registry.local/a:1');

  assert.match(await run('rollout', 'pause', 'deployment/rolled'), /paused/);
  assert.match(await refuse('rollout', 'pause', 'deployment/rolled'), /is already paused/);
  assert.match(await run('rollout', 'resume', 'deployment/rolled'), /resumed/);
  assert.match(await run('rollout', 'restart', 'deployment/rolled'), /restarted/);
  const annotation = 'jsonpath={.spec.template.metadata.annotations.kubectl\\.kubernetes\\.io/restartedAt}';
  assert.match(await run('get', 'deploy', 'rolled', '-o', annotation), /^\d{4}-/);
  if (minor >= 24) {
    const patch = [
      'patch',
      'deployment',
      'rolled',
      '--subresource=scale',
      '--type=merge',
      '-p',
      '{"spec":{"replicas":7}}',
    ];
    assert.match(await run(...patch), /patched/);
    assert.equal(await run('get', 'deploy', 'rolled', '--subresource=scale', '-o', 'jsonpath={.spec.replicas}'), '7');
  }
}

/** The replica set that a controller would have made of the deployment. */
async function keepRevision({ run, file }: KubectlRun, { metadata, spec }: Owner, revision: number): Promise<void> {
  const labels = { app: 'rolled', 'pod-template-hash': `h${revision}` };
  const template = { metadata: { labels }, spec: spec.template.spec };
  const set = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `rolled-${revision}`,
      labels,
      annotations: { 'deployment.kubernetes.io/revision': String(revision) },
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'Deployment', name: 'rolled', uid: metadata.uid, controller: true },
      ],
    },
    spec: { replicas: 0, selector: { matchLabels: labels }, template },
  };
  await run('create', '-f', file(`revision-${revision}.json`, set));
  await run('annotate', 'deploy', 'rolled', `deployment.kubernetes.io/revision=${revision}`, '--overwrite');
}
