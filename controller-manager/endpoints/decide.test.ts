import assert from 'node:assert/strict';
import { endpoints } from '#lib/kinds/endpoints.ts';
import type { Pod, Service } from '#lib/kinds/gen/core-v1.ts';
import { pod } from '#lib/kinds/pod.ts';
import { service } from '#lib/kinds/service.ts';
import { makeTestWorld } from '../testing/world.ts';
import type { TestWorld } from '../testing/world.ts';
import { decide } from './decide.ts';

function putService(world: TestWorld, spec: Partial<Service['spec']> = {}): Service {
  const full = {
    clusterIP: '10.0.0.1',
    selector: { app: 'web' },
    ports: [{ name: 'http', port: 80, targetPort: 'web' }],
    ...spec,
  };
  return world.put(service, { metadata: { name: 'web', labels: { tier: 'front' } }, spec: full });
}

function putPod(world: TestWorld, name: string, podIP: string, { ready = true, port = 8080, metadata = {} } = {}): Pod {
  const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False' }];
  return world.put(pod, {
    metadata: { name, ...metadata },
    spec: { nodeName: 'n1', containers: [{ name: 'c', ports: [{ name: 'web', containerPort: port }] }] },
    status: { phase: 'Running', conditions, podIP, podIPs: [{ ip: podIP }] },
  });
}

function step(world: TestWorld) {
  const at = { namespace: 'default', name: 'web' };
  const actions = decide({
    service: world.find(service, at),
    endpoints: world.find(endpoints, at),
    pods: world.list(pod),
  });
  world.apply(actions);
  return actions;
}

suite('endpoints decide', () => {
  test('decide() groups addresses by ports and sorts ready from unready', () => {
    const world = makeTestWorld();
    putService(world);
    putPod(world, 'b', '10.1.0.3');
    putPod(world, 'a', '10.1.0.2');
    putPod(world, 'other-port', '10.1.0.4', { port: 9090 });
    putPod(world, 'unready', '10.1.0.5', { ready: false });
    putPod(world, 'going', '10.1.0.6', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } });
    step(world);
    const { subsets, metadata } = world.get(endpoints, 'web');
    assert.deepEqual(
      subsets?.map(({ addresses = [], notReadyAddresses = [], ports }) => ({
        ready: addresses.map(({ ip }) => ip),
        unready: notReadyAddresses.map(({ ip }) => ip),
        ports,
      })),
      [
        {
          ready: ['10.1.0.2', '10.1.0.3'],
          unready: ['10.1.0.5'],
          ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
        },
        { ready: ['10.1.0.4'], unready: [], ports: [{ name: 'http', port: 9090, protocol: 'TCP' }] },
      ],
    );
    assert.deepEqual(subsets[0]!.addresses![0]!.targetRef, {
      kind: 'Pod',
      namespace: 'default',
      name: 'a',
      uid: world.get(pod, 'a').metadata.uid,
    });
    assert.deepEqual(metadata.labels, { tier: 'front' });
    assert.deepEqual(step(world), []);
  });

  test('decide() follows pods, and goes with the Service', () => {
    const world = makeTestWorld();
    const owner = putService(world);
    const first = putPod(world, 'a', '10.1.0.2');
    step(world);
    world.remove(pod, first);
    step(world);
    assert.deepEqual(world.get(endpoints, 'web').subsets, []);
    world.remove(service, owner);
    step(world);
    assert.deepEqual(world.list(endpoints), []);
  });

  test('decide() publishes unready and going pods when the Service asks for them, and names the headless ones', () => {
    const world = makeTestWorld();
    putService(world, { clusterIP: 'None', ports: [], publishNotReadyAddresses: true });
    const unready = putPod(world, 'a', '10.1.0.2', { ready: false });
    unready.spec.hostname = 'a';
    unready.spec.subdomain = 'web';
    step(world);
    const { subsets, metadata } = world.get(endpoints, 'web');
    assert.equal(subsets![0]!.addresses![0]!.hostname, 'a');
    assert.equal(subsets![0]!.ports, undefined);
    assert.equal(metadata.labels!['service.kubernetes.io/headless'], '');
  });

  test('decide() leaves the Endpoints of a Service without a selector to its user', () => {
    const world = makeTestWorld();
    world.put(service, { metadata: { name: 'web' }, spec: { ports: [{ port: 80 }] } });
    assert.deepEqual(step(world), []);
    world.put(service, { metadata: { name: 'web' }, spec: { type: 'ExternalName', selector: { app: 'web' } } });
    assert.deepEqual(step(world), []);
  });

  test('decide() cuts off addresses beyond a thousand and says so', () => {
    const world = makeTestWorld();
    putService(world);
    for (let i = 0; i < 1005; i++) putPod(world, `p${i}`, `10.1.${i >> 8}.${i & 255}`);
    step(world);
    const { subsets, metadata } = world.get(endpoints, 'web');
    assert.equal(subsets![0]!.addresses!.length, 1000);
    assert.equal(metadata.annotations!['endpoints.kubernetes.io/over-capacity'], 'truncated');
  });
});
