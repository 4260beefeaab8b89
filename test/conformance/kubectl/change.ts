/** Changing what is there: labels, annotations, patches, scale, `set`, taints, waiting for it. */
import assert from 'node:assert/strict';
import type { KubectlRun } from './run.ts';

export async function change(kubectl: KubectlRun): Promise<void> {
  await words(kubectl);
  await patches(kubectl);
  await workload(kubectl);
  await node(kubectl);
  await waiting(kubectl);
}

async function words({ run, refuse }: KubectlRun): Promise<void> {
  await run('create', 'cm', 'worded', '--from-literal=a=1');
  assert.match(await run('label', 'cm', 'worded', 'a=b', 'c=d'), /worded labeled/);
  assert.match(await refuse('label', 'cm', 'worded', 'a=x'), /already has a value \(b\)/);
  await run('label', 'cm', 'worded', 'a=x', '--overwrite');
  assert.match(await run('label', 'cm', 'worded', 'c-'), /worded (unlabeled|labeled)/);
  assert.equal(await run('get', 'cm', 'worded', '-o', 'jsonpath={.metadata.labels}'), '{"a":"x"}');
  assert.match(await refuse('label', 'cm', 'worded', 'bad=-'), /a valid label must|Invalid value: "-"/);
  assert.match(await run('annotate', 'cm', 'worded', 'note=long text'), /worded annotate/);
  assert.equal(await run('get', 'cm', 'worded', '-o', 'jsonpath={.metadata.annotations.note}'), 'long text');
}

async function patches({ run, refuse }: KubectlRun): Promise<void> {
  await run('create', 'deployment', 'patched', '--image=registry.local/a:1');
  const patch = (...args: string[]) => run('patch', 'deployment', 'patched', ...args);
  const containers = '{.spec.template.spec.containers[*].name}';
  const side = { spec: { template: { spec: { containers: [{ name: 'side', image: 'registry.local/side' }] } } } };
  assert.match(await patch('-p', JSON.stringify(side)), /patched/);
  assert.equal(await run('get', 'deploy', 'patched', '-o', `jsonpath=${containers}`), 'side a');
  assert.match(await patch('-p', JSON.stringify(side)), /patched \(no change\)/);
  await patch('--type=json', '-p', '[{"op":"remove","path":"/spec/template/spec/containers/0"}]');
  assert.equal(await run('get', 'deploy', 'patched', '-o', `jsonpath=${containers}`), 'a');
  await patch('--type=merge', '-p', '{"metadata":{"labels":{"app":null,"more":"1"}}}');
  assert.equal(await run('get', 'deploy', 'patched', '-o', 'jsonpath={.metadata.labels}'), '{"more":"1"}');
  const failing = [
    'patch',
    'deployment',
    'patched',
    '--type=json',
    '-p',
    '[{"op":"test","path":"/kind","value":"Pod"}]',
  ];
  assert.match(await refuse(...failing), /^The request is invalid/);
  assert.match(
    await refuse('patch', 'deployment', 'patched', '-p', '{"spec":{"replicas":-1}}'),
    /spec\.replicas: Invalid value: -1/,
  );
}

async function workload({ run, refuse }: KubectlRun): Promise<void> {
  await run('create', 'deployment', 'worked', '--image=registry.local/a:1');
  const shown = (path: string) => run('get', 'deploy', 'worked', '-o', `jsonpath=${path}`);
  assert.match(await run('scale', 'deployment/worked', '--current-replicas=1', '--replicas=4'), /worked scaled/);
  assert.match(
    await refuse('scale', 'deployment/worked', '--current-replicas=1', '--replicas=5'),
    /Expected replicas to be 1, was 4/i,
  );
  assert.equal(await shown('{.spec.replicas}'), '4');
  await run('set', 'image', 'deployment/worked', 'a=registry.local/a:2');
  await run('set', 'env', 'deployment/worked', 'MODE=fast');
  await run('set', 'resources', 'deployment/worked', '--limits=cpu=200m,memory=64Mi', '--requests=cpu=100m');
  await run('create', 'serviceaccount', 'worker');
  await run('set', 'serviceaccount', 'deployment/worked', 'worker');
  const container = '.spec.template.spec.containers[0]';
  assert.equal(
    await shown(
      `{${container}.image} {${container}.env} {${container}.resources} {.spec.template.spec.serviceAccountName}`,
    ),
    'registry.local/a:2 [{"name":"MODE","value":"fast"}] {"limits":{"cpu":"200m","memory":"64Mi"},"requests":{"cpu":"100m"}} worker',
  );
  await run('create', 'service', 'clusterip', 'worked', '--tcp=80');
  await run('set', 'selector', 'service', 'worked', 'app=other');
  assert.equal(await run('get', 'svc', 'worked', '-o', 'jsonpath={.spec.selector}'), '{"app":"other"}');
}

async function node({ run, refuse, file, name }: KubectlRun): Promise<void> {
  const node = `node-of-${name}`;
  await run('create', '-f', file('node.json', { apiVersion: 'v1', kind: 'Node', metadata: { name: node } }));
  try {
    assert.match(await run('taint', 'node', node, 'kind=odd:NoSchedule'), /tainted/);
    assert.match(await refuse('taint', 'node', node, 'kind=even:NoSchedule'), /already has kind taint/);
    assert.match(await run('cordon', node), /cordoned/);
    assert.match(await run('get', 'node', node), /SchedulingDisabled/);
    assert.match(await run('describe', 'node', node), /^Taints: +kind=odd:NoSchedule$[^]*^Unschedulable: +true$/m);
    assert.match(await run('drain', node, '--ignore-daemonsets'), /drained/);
    assert.match(await run('uncordon', node), /uncordoned/);
    assert.match(await run('taint', 'node', node, 'kind-'), /untainted/);
    assert.equal(await run('get', 'node', node, '-o', 'jsonpath={.spec.unschedulable}'), '');
  } finally {
    await run('delete', 'node', node);
  }
}

async function waiting({ run, refuse, api, path, minor }: KubectlRun): Promise<void> {
  await run('run', 'awaited', '--image=registry.local/a');
  assert.match(await refuse('wait', 'pod/awaited', '--for=condition=Ready', '--timeout=1s'), /timed out waiting/);
  const ready = { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } };
  const soon = async () => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    const headers = { 'content-type': 'application/merge-patch+json' };
    const { code } = await api.ask('PATCH', `${path}/pods/awaited/status`, { body: ready, headers });
    assert.equal(code, 200);
  };
  const [text] = await Promise.all([run('wait', 'pod/awaited', '--for=condition=Ready', '--timeout=15s'), soon()]);
  assert.equal(text, 'pod/awaited condition met\n');
  if (minor >= 23) {
    assert.match(
      await run('wait', 'pod/awaited', '--for=jsonpath={.status.phase}=Running', '--timeout=5s'),
      /condition met/,
    );
  }
  const [gone] = await Promise.all([
    run('wait', 'pod/awaited', '--for=delete', '--timeout=15s'),
    run('delete', 'pod', 'awaited', '--now'),
  ]);
  assert.match(gone, /^$|condition met/);
}
