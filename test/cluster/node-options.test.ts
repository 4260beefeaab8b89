/** What a node does only when `wherry up --node-config` tells it so: whole processors for guaranteed pods, a limit of processes for each pod, and the like. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import type { Node, Pod, PodSpec } from '#lib/kinds/gen/core-v1.ts';
import { assertNothingRemains, eventually, startTestCluster } from '../harness/cluster.ts';
import type { TestCluster } from '../harness/cluster.ts';
import { reconfigure } from '../harness/reconfigure.ts';
import { container, forever } from './place.ts';

const name = 'node-1';
const honestProc = existsSync('/usr/bin/lxcfs');
const options = `apiVersion: node.wherry.local/v1alpha1
kind: NodeConfiguration
ephemeralStorage: refuse
honestProc: ${honestProc}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cpuManagerPolicy: static
kubeReserved: {cpu: 500m}
podPidsLimit: 30
maxPods: 20
allowedUnsafeSysctls: [net.core.somaxconn]
`;

suite('a node with options for resources (needs two processors)', function () {
  this.timeout(120_000);
  let cluster: TestCluster;
  const tell = (text: string) => {
    const file = `${cluster.layout.stateDir}/test-node-config.yaml`;
    writeFileSync(file, text);
    return cluster.wherry('up', '--node-config', file);
  };
  const run = (pod: string, spec: Partial<PodSpec>) =>
    cluster.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: pod, namespace: 'default' },
      spec: { terminationGracePeriodSeconds: 1, nodeName: name, ...spec },
    });
  const whole = (cpu: string) => ({
    containers: [container(forever, { resources: { limits: { cpu, memory: '32Mi' } } })],
  });
  const allowed = async (pod: string) =>
    (await cluster.kubectl('exec', pod, '--', 'sh', '-c', 'grep Cpus_allowed_list /proc/1/status')).split(/\s+/)[1];
  const mayUse = (pod: string, processors: string) =>
    eventually(`${pod} runs on ${processors}`, async () => (await allowed(pod)) === processors);
  const entries = () => {
    const file = `${cluster.layout.nodes[0]!.stateDir}/cpu_manager_state`;
    const saved = JSON.parse(readFileSync(file, 'utf8')) as { entries?: object };
    return Object.keys(saved.entries ?? {}).length;
  };
  const last = os.availableParallelism() - 1;
  const all = `0-${last}`;
  const without1 = last === 1 ? '0' : last === 2 ? '0,2' : `0,2-${last}`;

  suiteSetup(async function () {
    this.timeout(180_000);
    if (last < 1) return this.skip();
    cluster = await startTestCluster('cpus', 1);
    await tell(options);
    await eventually('the default account', () => cluster.kubectl('get', 'serviceaccount', 'default'));
  });
  suiteTeardown(async function () {
    this.timeout(180_000);
    await cluster?.remove();
    if (cluster) await assertNothingRemains(cluster.layout);
  });

  test('one has its own, the others make room, and get it back, whatever happens to the agent', async () => {
    await run('shares', { containers: [container(forever)] });
    await mayUse('shares', all);
    await run('alone', whole('1'));
    const own = await eventually('a processor of its own', async () => {
      const found = await allowed('alone');
      return found !== undefined && /^\d+$/.test(found) && found;
    });
    assert.notEqual(own, '0');
    if (own === '1') await mayUse('shares', without1);
    await run('late', { containers: [container(forever)] });
    if (own === '1') await mayUse('late', without1);
    // The same configuration, after a kill.
    await reconfigure(cluster, name, {});
    assert.equal(entries(), 1);
    assert.equal(await allowed('alone'), own);
    if (own === '1') assert.equal(await allowed('shares'), without1);
    await cluster.kubectl('delete', 'pod', 'alone');
    await mayUse('shares', all);
    await mayUse('late', all);
    assert.equal(entries(), 0);
  });

  test('who asks for more than can be had alone is refused, and nothing is kept for him', async () => {
    // What is kept back is half a processor less than all, but a whole one stays shared.
    await run('greedy', whole(`${last + 1}`));
    const failed = await eventually('the refusal', async () => {
      const { status } = await cluster.get<Pod>('pod', 'greedy');
      return status?.phase === 'Failed' && status;
    });
    assert.match(failed.reason!, /^(OutOfcpu|UnexpectedAdmissionError)$/);
    await cluster.kubectl('delete', 'pod', 'greedy');
    assert.equal(entries(), 0);
  });

  test('a pod has no more processes than it may, and others have theirs', async () => {
    const many = 'i=0; while test $i -lt 60; do sleep 100 & i=$((i+1)); done; wait';
    await run('forks', { containers: [container(many)] });
    await eventually('a refusal by the kernel', async () =>
      /Resource temporarily unavailable/.test(await cluster.kubectl('logs', 'forks')),
    );
    assert.equal(await allowed('shares'), all);
  });

  test('the node says what it keeps back, and lets pods have settings of the kernel that it is told to allow', async () => {
    const { status } = await cluster.get<Node>('node', name);
    assert.deepEqual(
      [status?.capacity?.['cpu'], status?.allocatable?.['cpu'], status?.allocatable?.['pods']],
      [String(last + 1), `${1000 * (last + 1) - 500}m`, '20'],
    );
    const sysctls = [{ name: 'net.core.somaxconn', value: '1234' }];
    await run('backlog', { securityContext: { sysctls }, containers: [container(forever)] });
    await eventually('the setting', async () =>
      /^1234\s*$/.test(await cluster.kubectl('exec', 'backlog', '--', 'cat', '/proc/sys/net/core/somaxconn')),
    );
    await run('refused', {
      securityContext: { sysctls: [{ name: 'net.core.rmem_default', value: '1' }] },
      containers: [container(forever)],
    });
    await eventually(
      'the refusal',
      async () => (await cluster.get<Pod>('pod', 'refused')).status?.reason === 'SysctlForbidden',
    );
  });

  test('a container is refused more of the disk than its limit, and its pod stays', async () => {
    await run('bounded', {
      containers: [
        container(`dd if=/dev/zero of=/x bs=1M count=20; ${forever}`, {
          resources: { limits: { 'ephemeral-storage': '10Mi' } },
        }),
      ],
    });
    await eventually('the refusal', async () =>
      /No space left|quota exceeded/.test(await cluster.kubectl('logs', 'bounded')),
    );
    assert.equal((await cluster.get<Pod>('pod', 'bounded')).status?.phase, 'Running');
  });

  test('a container sees its own limits (needs lxcfs)', async function () {
    if (!honestProc) return this.skip();
    const limits = { memory: '64Mi' };
    await run('honest', { containers: [container(forever, { resources: { limits } })] });
    await eventually('its limit of memory', async () =>
      /^MemTotal:\s+65536 kB$/m.test(await cluster.kubectl('exec', 'honest', '--', 'cat', '/proc/meminfo')),
    );
  });

  test('what nodes cannot do is refused, and they stay as they are', async () => {
    const wrong = `${options.replace('ephemeralStorage', 'ephemeralDisk')}clusterDNS: [10.0.0.1]\nmaxPodz: 3\n`;
    await assert.rejects(tell(wrong), (error: Error) => {
      assert.match(error.message, /NodeConfiguration:\n.*unknown field "ephemeralDisk"/);
      assert.match(error.message, /clusterDNS: nodes do not have this setting\n.*unknown field "maxPodz"/);
      return true;
    });
    await assert.rejects(tell(`${options}systemReserved: {cpu: "1000"}\n`), /invalid Node Allocatable configuration/);
    const pid = cluster.pidOf(name);
    await cluster.wherry('up');
    assert.equal(cluster.pidOf(name), pid);
    assert.equal((await cluster.get<Node>('node', name)).status?.allocatable?.['pods'], '20');
  });

  test('another policy lets all run everywhere again', async () => {
    await run('pinned', whole('1'));
    await eventually('a processor of its own', async () => /^\d+$/.test((await allowed('pinned')) ?? ''));
    await tell(options.replace('static', 'none'));
    await mayUse('pinned', all);
    await cluster.wherry('up', '--node-config', 'none');
    await eventually(
      'what nodes do by themselves',
      async () => (await cluster.get<Node>('node', name)).status?.allocatable?.['pods'] === '110',
    );
  });
});
