import assert from 'node:assert/strict';
import type { PodDisruptionBudget } from '#lib/kinds/gen/policy-v1.ts';
import type { Cluster } from './cluster/cluster.ts';
import { podInfo } from './cluster/pod-info.ts';
import { explain } from './explain.ts';
import { place } from './place.ts';
import { preempt } from './preempt.ts';
import { clusterOf, sampleNode, samplePod } from './samples.ts';
import type { PodSample } from './samples.ts';

const random = () => 0;

function put(cluster: Cluster, node: string, name: string, cpu: string, priority: number, labels = {}): void {
  const pod = samplePod({ name, labels, requests: { cpu }, spec: { priority } });
  cluster.setPod(podInfo(pod), node);
}

function attempt(cluster: Cluster, sample: PodSample, budgets: PodDisruptionBudget[] = []) {
  const pod = podInfo(samplePod(sample));
  const placement = place(pod, cluster, { start: 0, random });
  assert.ok(!placement.node);
  return { noFit: placement.noFit, outcome: preempt(pod, cluster, placement.noFit, budgets, random) };
}

function victims(cluster: Cluster, sample: PodSample, budgets?: PodDisruptionBudget[]): string[] {
  const { outcome } = attempt(cluster, sample, budgets);
  return outcome.node ? [outcome.node.name, ...outcome.victims.map(({ name }) => name)] : [];
}

function message(cluster: Cluster, sample: PodSample): string {
  const { noFit, outcome } = attempt(cluster, sample);
  assert.ok(!outcome.node);
  return explain(noFit, outcome.note);
}

suite('preempt()', () => {
  test('preempt() evicts the least important pods, and no more than needed', () => {
    const cluster = clusterOf(sampleNode('n'));
    put(cluster, 'n', 'high', '1', 5);
    put(cluster, 'n', 'low-1', '1', 1);
    put(cluster, 'n', 'low-2', '1', 0);
    put(cluster, 'n', 'equal', '1', 10);
    const before = cluster.nodes[0]!.generation;
    assert.deepEqual(victims(cluster, { requests: { cpu: '2' }, spec: { priority: 10 } }), ['n', 'low-1', 'low-2']);
    assert.equal(cluster.nodes[0]!.cpuMillis, 4000);
    assert.equal(cluster.nodes[0]!.generation, before);
  });

  test('preempt() picks the node whose most important victim matters least', () => {
    const cluster = clusterOf(sampleNode('a'), sampleNode('b'));
    put(cluster, 'a', 'worker', '4', 5);
    put(cluster, 'b', 'idler-1', '2', 1);
    put(cluster, 'b', 'idler-2', '2', 1);
    assert.deepEqual(victims(cluster, { requests: { cpu: '4' }, spec: { priority: 9 } }), ['b', 'idler-1', 'idler-2']);
  });

  test('preempt() spares pods under a spent disruption budget', () => {
    const cluster = clusterOf(sampleNode('n'));
    put(cluster, 'n', 'guarded', '2', 0, { app: 'db' });
    put(cluster, 'n', 'plain', '2', 1);
    const budget = {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'b', namespace: 'default', uid: 'b', resourceVersion: '1', creationTimestamp: '' },
      spec: { selector: { matchLabels: { app: 'db' } } },
      status: { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
    };
    assert.deepEqual(victims(cluster, { requests: { cpu: '2' }, spec: { priority: 9 } }, [budget]), ['n', 'plain']);
  });

  test('preempt() frees host ports and anti-affinity too', () => {
    const cluster = clusterOf(sampleNode('n'));
    const spec = { containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 80 }] }] };
    cluster.setPod(podInfo(samplePod({ name: 'holder', spec })), 'n');
    put(cluster, 'n', 'bystander', '1', 0);
    assert.deepEqual(victims(cluster, { spec: { ...spec, priority: 1 } }), ['n', 'holder']);
  });

  test('preempt() says in upstream words why it does not help', () => {
    const cluster = clusterOf(
      sampleNode('a'),
      sampleNode('b', { spec: { taints: [{ key: 'a', value: 'b', effect: 'NoSchedule' }] } }),
      sampleNode('c', { spec: { taints: [{ key: 'a', value: 'b', effect: 'NoSchedule' }] } }),
    );
    assert.equal(
      message(cluster, { requests: { cpu: '5' } }),
      '0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {a: b}. preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.',
    );
    put(cluster, 'a', 'low', '1', -1);
    assert.equal(
      message(cluster, { requests: { cpu: '5' } }),
      '0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {a: b}. preemption: 0/3 nodes are available: 1 Insufficient cpu, 2 Preemption is not helpful for scheduling.',
    );
    assert.equal(
      message(cluster, { requests: { cpu: '4' }, spec: { preemptionPolicy: 'Never' } }),
      '0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {a: b}. preemption: not eligible due to preemptionPolicy=Never.',
    );
  });
});
