import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { startTestApi } from '../test/harness/api.ts';
import type { TestApi } from '../test/harness/api.ts';
import { testSinceKubectl, writeKubeconfig } from '../test/harness/kubectl.ts';

const run = promisify(execFile);

const manifest = `
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "registry.local/web:1"}]}
`;

suite('kubectl', () => {
  let api: TestApi;

  suiteSetup(async () => {
    api = await startTestApi();
    writeKubeconfig(api);
    writeFileSync(`${api.folder}/web.yaml`, manifest);
    await kubectl('create', 'serviceaccount', 'default');
  });

  suiteTeardown(() => api?.stop());

  /** Its output; rejects with what it complained of. */
  async function kubectl(...args: string[]): Promise<string> {
    const { folder } = api;
    const common = [`--kubeconfig=${folder}/kubeconfig`, `--cache-dir=${folder}/cache`];
    return (await run('kubectl', [...common, ...args], { cwd: folder, timeout: 15_000 })).stdout;
  }

  const lines = (text: string) => text.trim().split('\n');

  test('kubectl apply creates, leaves alone, configures and deletes a manifest', async () => {
    assert.deepEqual(lines(await kubectl('apply', '-f', 'web.yaml')), [
      'service/web created',
      'deployment.apps/web created',
    ]);
    assert.deepEqual(lines(await kubectl('apply', '-f', 'web.yaml')), [
      'service/web unchanged',
      'deployment.apps/web unchanged',
    ]);
    writeFileSync(`${api.folder}/web.yaml`, manifest.replace('web:1', 'web:2'));
    assert.match(await kubectl('apply', '-f', 'web.yaml'), /deployment.apps\/web configured/);
    assert.match(await kubectl('get', 'deployment', 'web', '-o', 'wide'), /web +0\/2 .*registry.local\/web:2 +app=web/);
    assert.match(await kubectl('describe', 'deployment', 'web'), /Replicas: +2 desired/);
    assert.match(await kubectl('scale', 'deployment/web', '--replicas=5'), /scaled/);
    assert.match(await kubectl('get', 'deployment', 'web'), /0\/5/);
    assert.match(await kubectl('delete', '-f', 'web.yaml'), /service "web" deleted/);
    await assert.rejects(kubectl('get', 'deployment', 'web'), /deployments.apps "web" not found/);
  });

  testSinceKubectl(32, 'kubectl create sends protobuf and is understood', async () => {
    await kubectl('create', 'deployment', 'typed', '--image=registry.local/web:1', '--port=80', '--replicas=3');
    const made = JSON.parse(await kubectl('get', 'deployment', 'typed', '-o', 'json'));
    assert.equal(made.spec.replicas, 3);
    assert.deepEqual(made.spec.template.spec.containers[0].ports, [{ containerPort: 80, protocol: 'TCP' }]);
    await kubectl('create', 'job', 'once', '--image=registry.local/web:1', '--', 'true');
    await kubectl('create', 'configmap', 'plain', '--from-literal=a=b');
    await kubectl('create', 'secret', 'generic', 'hidden', '--from-literal=a=b');
    await kubectl('create', 'service', 'clusterip', 'typed', '--tcp=80:8080');
    assert.match(await kubectl('create', 'token', 'default'), /^ey[\w-]+\.[\w-]+\.[\w-]+$/m);
  });

  test('kubectl run, label, annotate, patch and delete work on pods', async () => {
    await kubectl('run', 'one', '--image=registry.local/web:1', '--restart=Never', '--', 'sleep', '1');
    await kubectl('label', 'pod', 'one', 'tier=back');
    await kubectl('annotate', 'pod', 'one', 'note=x');
    await kubectl('patch', 'pod', 'one', '-p', '{"metadata":{"labels":{"more":"1"}}}');
    assert.match(await kubectl('get', 'pods', '-l', 'tier=back,more', '-o', 'name'), /^pod\/one$/m);
    assert.match(await kubectl('describe', 'pod', 'one'), /TokenExpirationSeconds: +3607/);
    assert.match(await kubectl('delete', 'pod', 'one'), /pod "one" deleted/);
  });

  testSinceKubectl(21, 'kubectl apply --server-side creates, configures, conflicts, forces and diffs', async () => {
    const applied = (replicas: number, more = '') => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: owned, labels: {app: owned${more}}}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: owned}}
  template:
    metadata: {labels: {app: owned}}
    spec: {containers: [{name: web, image: "registry.local/web:1", ports: [{containerPort: 80}]}]}
`;
    const write = (text: string) => writeFileSync(`${api.folder}/owned.yaml`, text);
    const apply = (...more: string[]) => kubectl('apply', '--server-side', '-f', 'owned.yaml', ...more);
    const managers = async () =>
      JSON.parse(
        await kubectl('get', 'deployment', 'owned', '-o', 'json', '--show-managed-fields'),
      ).metadata.managedFields.map((entry: { manager: string; operation: string; subresource?: string }) =>
        [entry.manager, entry.operation, entry.subresource ?? ''].join(' ').trim(),
      );
    write(applied(2));
    assert.equal(await apply(), 'deployment.apps/owned serverside-applied\n');
    const version = ['get', 'deployment', 'owned', '-o', 'jsonpath={.metadata.resourceVersion}'];
    const before = await kubectl(...version);
    await apply();
    assert.equal(await kubectl(...version), before);
    assert.deepEqual(await managers(), ['kubectl Apply']);
    assert.equal((await kubectl('get', 'deployment', 'owned', '-o', 'yaml')).includes('managedFields'), false);
    await kubectl('scale', 'deployment/owned', '--replicas=4');
    assert.deepEqual(await managers(), ['kubectl Apply', 'kubectl Update scale']);
    await assert.rejects(
      apply(),
      /Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps\/v1: \.spec\.replicas/,
    );
    await apply('--force-conflicts');
    assert.deepEqual(await managers(), ['kubectl Apply']);
    write(applied(3, ', tier: front'));
    const diff = await kubectl('diff', '--server-side', '-f', 'owned.yaml').catch(
      (error: { stdout: string }) => error.stdout,
    );
    assert.match(diff, /^-  replicas: 2$/m);
    assert.match(diff, /^\+  replicas: 3$/m);
    assert.match(diff, /^\+ {4}tier: front$/m);
    await assert.rejects(apply('--field-manager=other'), /conflict with "kubectl": \.spec\.replicas/);
    await apply();
    write(applied(3));
    await apply();
    assert.equal(await kubectl('get', 'deployment', 'owned', '-o', 'jsonpath={.metadata.labels}'), '{"app":"owned"}');
    assert.equal(await kubectl('diff', '--server-side', '-f', 'owned.yaml'), '');
  });

  testSinceKubectl(26, 'kubectl moves from client-side to server-side apply without conflicts, and back', async () => {
    const text = (value: string) => `
apiVersion: v1
kind: ConfigMap
metadata: {name: moved}
data: {a: "${value}", b: "1"}
`;
    const write = (value: string) => writeFileSync(`${api.folder}/moved.yaml`, text(value));
    const managers = async () =>
      JSON.parse(await kubectl('get', 'cm', 'moved', '-o', 'json', '--show-managed-fields')).metadata.managedFields.map(
        (entry: { manager: string; operation: string }) => `${entry.manager} ${entry.operation}`,
      );
    write('1');
    await kubectl('apply', '-f', 'moved.yaml');
    assert.deepEqual(await managers(), ['kubectl-client-side-apply Update']);
    write('2');
    await kubectl('apply', '--server-side', '-f', 'moved.yaml');
    // The annotation gets an owner of its own.
    assert.deepEqual((await managers()).sort(), ['kubectl Apply', 'kubectl-last-applied Apply']);
    assert.equal(await kubectl('get', 'cm', 'moved', '-o', 'jsonpath={.data.a}'), '2');
    write('3');
    await kubectl('apply', '-f', 'moved.yaml');
    assert.equal(await kubectl('get', 'cm', 'moved', '-o', 'jsonpath={.data.a}'), '3');
  });

  testSinceKubectl(
    28,
    'kubectl explain, api-resources, auth and server-side dry runs find what they need',
    async () => {
      assert.match(await kubectl('explain', 'pod.spec.containers.image'), /FIELD: image <string>/);
      assert.match(await kubectl('api-resources'), /^deployments +deploy +apps\/v1 +true +Deployment$/m);
      assert.match(await kubectl('auth', 'whoami'), /Username +admin/);
      assert.match(await kubectl('auth', 'can-i', 'create', 'pods'), /yes/);
      assert.match(await kubectl('version'), /Server Version: v1\.32/);
      const strict = ['create', '-f', 'web.yaml', '--dry-run=server'];
      assert.match(await kubectl(...strict), /deployment.apps\/web created \(server dry run\)/);
      writeFileSync(`${api.folder}/typo.yaml`, manifest.replace('replicas:', 'replica:'));
      await assert.rejects(kubectl('create', '-f', 'typo.yaml'), /unknown field "spec.replica"/);
    },
  );

  testSinceKubectl(24, 'kubectl shows what admission says: refusals, warnings and what quotas have left', async () => {
    const space = ['-n', 'strict'];
    await kubectl('create', 'namespace', 'strict');
    await kubectl('create', 'serviceaccount', 'default', ...space);
    await kubectl('label', 'namespace', 'strict', 'pod-security.kubernetes.io/enforce=baseline');
    await kubectl('label', 'namespace', 'strict', 'pod-security.kubernetes.io/warn=restricted');
    const pod = (name: string, ...more: string[]) =>
      kubectl('run', name, '--image=registry.local/a', ...space, ...more);
    await assert.rejects(
      pod('p', '--privileged'),
      /\(Forbidden\): pods "p" is forbidden: violates PodSecurity "baseline:latest": privileged \(container "p" must not set/,
    );
    const { stderr } = await run('kubectl', [
      `--kubeconfig=${api.folder}/kubeconfig`,
      ...['run', 'p', '--image=registry.local/a', ...space],
    ]);
    assert.match(stderr, /^Warning: would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false/);
    await kubectl('create', 'quota', 'q', '--hard=pods=1', ...space);
    const counted = JSON.stringify({ status: { hard: { pods: '1' }, used: { pods: '1' } } });
    await kubectl('patch', 'quota', 'q', '--subresource=status', '--type=merge', '-p', counted, ...space);
    await assert.rejects(
      pod('r'),
      /\(Forbidden\): pods "r" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1/,
    );
    assert.match(await kubectl('describe', 'quota', 'q', ...space), /^pods +1 +1$/m);
    assert.match(
      await kubectl('get', 'storageclass'),
      /^folder \(default\) +wherry.local\/folder +Delete +WaitForFirst/m,
    );
  });
});
