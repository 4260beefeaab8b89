import assert from 'node:assert/strict';
import { configMap } from '#lib/kinds/config-map.ts';
import { deployment } from '#lib/kinds/deployment.ts';
import type { ResourceQuotaSpec } from '#lib/kinds/gen/core-v1.ts';
import { persistentVolumeClaim } from '#lib/kinds/persistent-volume-claim.ts';
import { pod } from '#lib/kinds/pod.ts';
import { resourceQuota } from '#lib/kinds/resource-quota.ts';
import { service } from '#lib/kinds/service.ts';
import { makeTestWorld } from '../testing/world.ts';
import type { TestWorld } from '../testing/world.ts';
import { decide } from './decide.ts';

const kinds = [configMap, deployment, persistentVolumeClaim, pod, service];

function usedBy(world: TestWorld, spec: ResourceQuotaSpec): Record<string, unknown> {
  const quota = world.put(resourceQuota, { metadata: { name: 'q' }, spec });
  const contents = kinds.map((kind) => ({ kind, objects: world.list<never>(kind as never) }));
  world.apply(decide({ quota, contents, restMs: 0 }));
  return world.get(resourceQuota, 'q').status!.used!;
}

function putPod(world: TestWorld, name: string, spec: object = {}, phase = 'Running'): void {
  const resources = {
    requests: { cpu: '250m', memory: '64Mi', 'example.com/gpu': '2' },
    limits: { cpu: '1', memory: '1Gi' },
  };
  world.put(pod, { metadata: { name }, spec: { containers: [{ name: 'c', resources }], ...spec }, status: { phase } });
}

suite('resource-quota decide', () => {
  test('decide() sums what the namespace takes up', () => {
    const world = makeTestWorld();
    putPod(world, 'a');
    putPod(world, 'b', { initContainers: [{ name: 'i', resources: { requests: { memory: '200Mi' } } }] });
    putPod(world, 'done', {}, 'Succeeded');
    world.put(configMap, { metadata: { name: 'c' } });
    world.put(deployment, { metadata: { name: 'd' }, spec: {} });
    world.put(service, { metadata: { name: 's' }, spec: { type: 'LoadBalancer', ports: [{ port: 1 }, { port: 2 }] } });
    const claim = { resources: { requests: { storage: '3Gi' } }, storageClassName: 'gold' };
    world.put(persistentVolumeClaim, { metadata: { name: 'v' }, spec: claim });
    const names = [
      'pods',
      'count/pods',
      'cpu',
      'requests.memory',
      'limits.memory',
      'requests.example.com/gpu',
      'configmaps',
      'secrets',
      'count/deployments.apps',
      'services',
      'services.nodeports',
      'services.loadbalancers',
      'requests.storage',
      'gold.storageclass.storage.k8s.io/requests.storage',
      'gold.storageclass.storage.k8s.io/persistentvolumeclaims',
    ];
    assert.deepEqual(usedBy(world, { hard: Object.fromEntries(names.map((name) => [name, '100'])) }), {
      pods: '2',
      'count/pods': '3',
      cpu: '500m',
      'requests.memory': '264Mi',
      'limits.memory': '2Gi',
      'requests.example.com/gpu': '4',
      configmaps: '1',
      secrets: '0',
      'count/deployments.apps': '1',
      services: '1',
      'services.nodeports': '2',
      'services.loadbalancers': '1',
      'requests.storage': '3Gi',
      'gold.storageclass.storage.k8s.io/requests.storage': '3Gi',
      'gold.storageclass.storage.k8s.io/persistentvolumeclaims': '1',
    });
  });

  test('decide() counts only pods within its scopes', () => {
    const used = (spec: ResourceQuotaSpec) => {
      const world = makeTestWorld();
      putPod(world, 'plain');
      putPod(world, 'limited', { activeDeadlineSeconds: 10 });
      putPod(world, 'important', { priorityClassName: 'high' });
      world.put(pod, { metadata: { name: 'effortless' }, spec: { containers: [{ name: 'c' }] } });
      return usedBy(world, { hard: { pods: '10' }, ...spec })['pods'];
    };
    assert.equal(used({ scopes: ['Terminating'] }), '1');
    assert.equal(used({ scopes: ['NotTerminating'] }), '3');
    assert.equal(used({ scopes: ['BestEffort'] }), '1');
    const high = { scopeName: 'PriorityClass', operator: 'In', values: ['high'] } as const;
    assert.equal(used({ scopeSelector: { matchExpressions: [{ ...high, values: [...high.values] }] } }), '1');
  });
});
