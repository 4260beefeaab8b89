/** `wherry up` and `down`: state survives, nothing else does. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import tls from 'node:tls';
import { runCommand } from '#lib/env/command.ts';
import type { EventList, Pod } from '#lib/kinds/gen/core-v1.ts';
import { conditionOf } from '#lib/meta/conditions.ts';
import { issue } from '#lib/pki/certificates.ts';
import { assertNothingRemains, eventually, startTestCluster, testImage } from '../harness/cluster.ts';
import type { TestCluster } from '../harness/cluster.ts';
import { reconfigure } from '../harness/reconfigure.ts';

suite('wherry up and down', function () {
  this.timeout(240_000);
  let cluster: TestCluster;
  /** Stands before the machine's own: says what the file beside it says. */
  let systemctl: string;
  const machineIs = (state: 'running' | 'stopping') => writeFileSync(`${systemctl}/state`, `${state}\n`);
  const path = process.env.PATH;
  suiteSetup(async () => {
    systemctl = mkdtempSync('/tmp/wherry-systemctl-');
    writeFileSync(`${systemctl}/systemctl`, `#!/bin/sh\nexec cat ${systemctl}/state\n`, { mode: 0o755 });
    machineIs('running');
    process.env.PATH = `${systemctl}:${path}`;
    cluster = await startTestCluster('updown', 1);
  });
  suiteTeardown(async () => {
    process.env.PATH = path;
    await cluster.remove();
    rmSync(systemctl, { recursive: true });
    await assertNothingRemains(cluster.layout);
  });

  test('down leaves nothing running, up brings objects and pods back', async () => {
    await cluster.kubectl('create', 'configmap', 'kept', '--from-literal=a=b');
    await cluster.kubectl('run', 'sleeper', `--image=${testImage}`);
    await cluster.kubectl('wait', '--for=condition=Ready', 'pod/sleeper', '--timeout=60s');
    const uid = await cluster.kubectl('get', 'pod', 'sleeper', '-o', 'jsonpath={.metadata.uid}');
    await cluster.wherry('down');
    await assertNothingRemains(cluster.layout);
    await cluster.wherry('down');
    await cluster.wherry('up');
    assert.equal(await cluster.kubectl('get', 'configmap', 'kept', '-o', 'jsonpath={.data.a}'), 'b');
    await eventually(
      'the pod runs again',
      async () => (await cluster.kubectl('exec', 'sleeper', '--', 'echo', 'alive')) === 'alive\n',
    );
    assert.equal(await cluster.kubectl('get', 'pod', 'sleeper', '-o', 'jsonpath={.metadata.uid}'), uid);
    const restarts = await cluster.kubectl(
      'get',
      'pod',
      'sleeper',
      '-o',
      'jsonpath={.status.containerStatuses[0].restartCount}',
    );
    assert.equal(restarts, '1');
  });

  test('up on a running cluster changes nothing', async () => {
    const pids = ['etcd', 'control-plane', 'node-1'].map((name) => cluster.pidOf(name));
    await cluster.wherry('up');
    assert.deepEqual(
      ['etcd', 'control-plane', 'node-1'].map((name) => cluster.pidOf(name)),
      pids,
    );
  });

  test('Secrets lie encrypted in etcd, and other objects do not', async () => {
    await cluster.kubectl('create', 'secret', 'generic', 'locked', '--from-literal=word=hush-hush-hush');
    await cluster.kubectl('create', 'configmap', 'open', '--from-literal=word=read-me-aloud');
    const isInEtcd = async (text: string) =>
      (await runCommand('grep', ['-rqa', text, cluster.layout.etcdDir])).exitCode === 0;
    assert.equal(await isInEtcd('read-me-aloud'), true);
    assert.equal(await isInEtcd('k8s:enc:aesgcm:v1:key1:'), true);
    for (const text of ['hush-hush-hush', Buffer.from('hush-hush-hush').toString('base64').slice(0, 18)])
      assert.equal(await isInEtcd(text), false);
    const read = await cluster.kubectl('get', 'secret', 'locked', '-o', 'jsonpath={.data.word}');
    assert.equal(Buffer.from(read, 'base64').toString(), 'hush-hush-hush');
  });

  test('up renews certificates that are about to end, and what runs takes them over', async () => {
    const { layout } = cluster;
    const [node] = layout.nodes;
    const textOf = (file: string) => readFileSync(`${layout.pkiDir}/${file}`, 'utf8');
    const serialOf = (name: string) => new X509Certificate(textOf(`${name}.crt`)).serialNumber;
    const shownAt = async (host: string, port: number) => {
      const pair = { cert: textOf('admin.crt'), key: textOf('admin.key') };
      const socket = tls.connect({ host, port, rejectUnauthorized: false, ALPNProtocols: ['h2'], ...pair });
      await once(socket, 'secureConnect');
      const { serialNumber } = socket.getPeerCertificate();
      socket.destroy();
      return serialNumber;
    };
    const areShown = async () =>
      (await shownAt('127.0.0.1', layout.apiPort)) === serialOf('apiserver') &&
      (await shownAt(layout.gateway, layout.grpcPort)) === serialOf('apiserver') &&
      (await shownAt(node!.address, layout.agentPort)) === serialOf(node!.name);
    const put = (file: string, text: string) => {
      writeFileSync(`${layout.pkiDir}/${file}.tmp`, text, { mode: 0o600 });
      renameSync(`${layout.pkiDir}/${file}.tmp`, `${layout.pkiDir}/${file}`);
    };
    const dayMs = 24 * 60 * 60 * 1000;
    const authority = { certPem: textOf('ca.crt'), keyPem: textOf('ca.key') };
    const names = ['apiserver', 'admin', node!.name];
    for (const name of names) {
      const { subject, subjectAltName = '' } = new X509Certificate(textOf(`${name}.crt`));
      const entries = (text: string, what: RegExp) => [...text.matchAll(what)].map(([, value]) => value!);
      const request = {
        commonName: entries(subject, /^CN=(.*)$/gm)[0]!,
        organizations: entries(subject, /^O=(.*)$/gm),
        dnsNames: entries(subjectAltName, /DNS:([^,]+)/g),
        ipAddresses: entries(subjectAltName, /IP Address:([^,]+)/g),
        usages: ['server', 'client'] as const,
      };
      const old = await issue(authority, request, Date.now() - 300 * dayMs);
      put(`${name}.key`, old.keyPem);
      put(`${name}.crt`, old.certPem);
    }
    await eventually('the old certificates are shown', areShown);
    const before = names.map(serialOf);
    const pids = ['control-plane', 'node-1'].map((name) => cluster.pidOf(name));
    await cluster.wherry('up');
    for (const [i, name] of names.entries()) assert.notEqual(serialOf(name), before[i], name);
    await eventually('the new certificates are shown', areShown);
    assert.deepEqual(
      ['control-plane', 'node-1'].map((name) => cluster.pidOf(name)),
      pids,
    );
    assert.match(
      readFileSync(layout.kubeconfig, 'utf8'),
      new RegExp(Buffer.from(textOf('admin.crt')).toString('base64').slice(0, 60)),
    );
    assert.equal(await cluster.kubectl('exec', 'sleeper', '--', 'echo', 'alive'), 'alive\n');
  });

  test('up --audit-policy begins an audit log, and ends it, while the cluster runs', async () => {
    const policy = `${cluster.layout.runDir}/policy.yaml`;
    const log = `${cluster.layout.logDir}/audit.log`;
    assert.equal(existsSync(log), false);
    writeFileSync(policy, 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: All}]\n');
    await assert.rejects(cluster.wherry('up', '--audit-policy', policy), /rules\[0\]\.level: Unsupported value/);
    writeFileSync(policy, 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata, verbs: [list]}]\n');
    await cluster.wherry('up', '--audit-policy', policy);
    const text = () => (existsSync(log) ? readFileSync(log, 'utf8') : '');
    const isTold = async () => {
      const before = text().length;
      await cluster.kubectl('get', 'secrets');
      return text()
        .slice(before)
        .split('\n')
        .some((line) => line.includes('"username":"kubernetes-admin"') && line.includes('"resource":"secrets"'));
    };
    await eventually('kubectl is told of', isTold);
    await cluster.wherry('up', '--audit-policy', 'none');
    await eventually('nothing is told any more', async () => !(await isTold()));
  });

  test('down ends pods in their order when the machine goes down, where that is configured, and says why', async () => {
    await reconfigure(cluster, 'node-1', { shutdownGracePeriod: 4, shutdownGracePeriodCriticalPods: 2 });
    const overrides = (priorityClassName: string) => JSON.stringify({ spec: { priorityClassName } });
    await cluster.kubectl('run', 'plain', `--image=${testImage}`);
    await cluster.kubectl('run', 'vital', `--image=${testImage}`, '--overrides', overrides('system-node-critical'));
    await cluster.kubectl('wait', '--for=condition=Ready', 'pod/plain', 'pod/vital', '--timeout=60s');
    machineIs('stopping');
    await cluster.wherry('down');
    await assertNothingRemains(cluster.layout);
    machineIs('running');
    await cluster.wherry('up');
    const [plain, vital] = await Promise.all(['plain', 'vital'].map((name) => cluster.get<Pod>('pod', name)));
    for (const { status } of [plain!, vital!]) {
      assert.deepEqual(
        [status?.phase, status?.reason, status?.message],
        ['Failed', 'Terminated', 'Pod was terminated in response to imminent node shutdown.'],
      );
      const target = conditionOf(status?.conditions, 'DisruptionTarget');
      assert.deepEqual([target?.status, target?.reason], ['True', 'TerminationByKubelet']);
    }
    const endOf = ({ status }: Pod) => Date.parse(status!.containerStatuses![0]!.state!.terminated!.finishedAt!);
    assert.ok(endOf(plain!) < endOf(vital!), 'the vital pod ends last');
    const { items } = JSON.parse(await cluster.kubectl('get', 'events', '-o', 'json')) as EventList;
    assert.ok(items.some(({ reason }) => reason === 'NodeShutdown'));
  });

  test('up --nodes 2 adds a node to a running cluster', async () => {
    await cluster.wherry('up', '--nodes', '2');
    assert.match(await cluster.kubectl('get', 'nodes'), /node-2\s+Ready/);
    await assert.rejects(cluster.wherry('up', '--nodes', '1'), /Cannot shrink cluster/);
  });
});
