import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect } from '#lib/client/connect.ts';
import type { ConnectedClient } from '#lib/client/connect.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import { deployment } from '#lib/kinds/deployment.ts';
import { lease } from '#lib/kinds/lease.ts';
import { node } from '#lib/kinds/node.ts';
import { pod } from '#lib/kinds/pod.ts';
import { secret } from '#lib/kinds/secret.ts';
import { service } from '#lib/kinds/service.ts';
import { eventually, testImage } from '../harness/cluster.ts';
import type { TestCluster } from '../harness/cluster.ts';
import { sharedCluster } from './shared.ts';

suite('authorization', () => {
  const space = 'authorization';
  const env = makeRealEnv({ service: 'test' });
  const clients: ConnectedClient[] = [];
  let cluster: TestCluster;

  suiteSetup(async function () {
    this.timeout(180_000);
    cluster = await sharedCluster();
    await cluster.kubectl('create', 'namespace', space);
  });

  suiteTeardown(async function () {
    this.timeout(60_000);
    for (const client of clients) client.close();
    await cluster.kubectl('delete', 'namespace', space);
    await cluster.kubectl('delete', 'clusterrole', 'test-more-views', '--ignore-not-found');
  });

  /** A client with a certificate of the cluster's own. */
  function withCertificate(name: string): ConnectedClient {
    const { pkiDir, gateway, grpcPort } = cluster.layout;
    const tls = { caFile: `${pkiDir}/ca.crt`, certFile: `${pkiDir}/${name}.crt`, keyFile: `${pkiDir}/${name}.key` };
    const client = connect({ address: `${gateway}:${grpcPort}`, ...tls }, env);
    clients.push(client);
    return client;
  }

  test('the roles edit and view have gathered what they aggregate, and more when somebody adds to it', async () => {
    await cluster.kubectl('create', 'rolebinding', 'ed', '--clusterrole=edit', '--user=ed', '-n', space);
    const may = async (...words: string[]) =>
      (await cluster.kubectl('auth', 'can-i', ...words, '--as=ed', '-n', space).catch(() => 'no')).trim();
    await eventually('ed may edit', async () => (await may('create', 'deployments.apps')) === 'yes');
    assert.equal(await may('get', 'pods'), 'yes');
    assert.equal(await may('create', 'rolebindings.rbac.authorization.k8s.io'), 'no');
    assert.equal(await may('get', 'events.events.k8s.io'), 'no');
    await cluster.apply({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'test-more-views', labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } },
      rules: [{ apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['get'] }],
    });
    await eventually('edit has what view has', async () => (await may('get', 'events.events.k8s.io')) === 'yes');
  });

  test('a pod’s own token opens what is bound to its account, and nothing else', async function () {
    this.timeout(60_000);
    const containers = [{ name: 'c', image: testImage }];
    const spec = { serviceAccountName: 'robot', terminationGracePeriodSeconds: 0, containers };
    await cluster.kubectl('create', 'serviceaccount', 'robot', '-n', space);
    const binding = ['--clusterrole=view', `--serviceaccount=${space}:robot`, '-n', space];
    await cluster.kubectl('create', 'rolebinding', 'robot', ...binding);
    await cluster.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'robot', namespace: space }, spec });
    await cluster.kubectl('wait', '--for=condition=Ready', 'pod/robot', '-n', space, '--timeout=30s');
    const file = '/var/run/secrets/kubernetes.io/serviceaccount/token';
    const token = (await cluster.kubectl('exec', '-n', space, 'robot', '--', 'cat', file)).trim();
    const asRobot = (...args: string[]) => cluster.kubectlAs(token, ...args);
    assert.match(await asRobot('get', 'pods', '-n', space), /^robot/m);
    await assert.rejects(asRobot('get', 'secrets', '-n', space), /cannot list resource "secrets"/);
    await assert.rejects(asRobot('get', 'pods', '-n', 'kube-system'), /in the namespace "kube-system"/);
  });

  test('a Secret that names an account gets a token of it, which opens as much', async () => {
    await cluster.kubectl('create', 'serviceaccount', 'lasting', '-n', space);
    await cluster.kubectl(
      'create',
      'rolebinding',
      'lasting',
      '--clusterrole=view',
      `--serviceaccount=${space}:lasting`,
      '-n',
      space,
    );
    await cluster.apply({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'lasting', namespace: space, annotations: { 'kubernetes.io/service-account.name': 'lasting' } },
      type: 'kubernetes.io/service-account-token',
    });
    const data = await eventually('a token', async () => {
      const { data: found } = await cluster.get<{ data?: Record<string, string> }>('secret', 'lasting', '-n', space);
      return found?.['token'] === undefined ? undefined : found;
    });
    const caFile = `${cluster.layout.pkiDir}/ca.crt`;
    assert.equal(atob(data['ca.crt']!), readFileSync(caFile, 'utf8'));
    const asLasting = (...args: string[]) => cluster.kubectlAs(atob(data['token']!), ...args);
    await asLasting('get', 'pods', '-n', space);
    await assert.rejects(asLasting('get', 'nodes'), /cannot list resource "nodes"/);
  });

  test('an agent’s certificate reaches its own node and pods alone', async () => {
    const { nodes } = cluster.layout;
    const [own, other] = [nodes[0]!.name, nodes[1]!.name];
    const agent = withCertificate(own);
    await cluster.kubectl('create', 'secret', 'generic', 'mine', '-n', space);
    await assert.rejects(agent.get(secret, { namespace: space, name: 'mine' }), /no relationship found between node/);
    await assert.rejects(agent.list(secret), /cannot list resource "secrets"/);
    await assert.rejects(agent.list(pod), /cannot list resource "pods"/);
    await agent.list(pod, { fieldSelector: `spec.nodeName=${own}` });
    await assert.rejects(agent.delete(node, { namespace: '', name: other }), /cannot delete resource "nodes"/);
    await assert.rejects(
      agent.patch(node, { namespace: '', name: other }, 'application/merge-patch+json', {
        metadata: { labels: { a: 'b' } },
      }),
      /is not allowed to modify node/,
    );
    const seat = { namespace: 'kube-node-lease', name: other };
    await assert.rejects(agent.get(lease, seat), /can only access node lease with the same name/);
    await assert.rejects(agent.list(deployment), /cannot list resource "deployments"/);
  });

  test('the proxy’s certificate reaches services and nodes alone', async () => {
    const proxy = withCertificate('proxy');
    await proxy.list(service);
    await assert.rejects(proxy.list(pod), /User "system:kube-proxy" cannot list resource "pods"/);
    await assert.rejects(proxy.get(secret, { namespace: space, name: 'mine' }), /cannot get resource "secrets"/);
  });

  test('none of the cluster’s own components is an administrator, and none is refused anything', () => {
    const { stateDir, logDir, nodes } = cluster.layout;
    const configs = [`${stateDir}/control-plane.json`, ...nodes.map((one) => `${one.stateDir}/node.json`)];
    for (const file of configs) assert.doesNotMatch(readFileSync(file, 'utf8'), /system:masters|admin\.crt/, file);
    for (const name of ['control-plane', ...nodes.map((one) => one.name)]) {
      const refused = readFileSync(`${logDir}/${name}.log`, 'utf8').match(/^.*is forbidden: (User|node) .*$/m);
      assert.equal(refused?.[0], undefined, name);
    }
  });
});
