import assert from 'node:assert/strict';
import fc from 'fast-check';
import { endpointSlice } from '#lib/kinds/endpoint-slice.ts';
import { endpoints } from '#lib/kinds/endpoints.ts';
import type { Pod, Service } from '#lib/kinds/gen/core-v1.ts';
import { pod } from '#lib/kinds/pod.ts';
import { service } from '#lib/kinds/service.ts';
import { makeTestWorld } from '../testing/world.ts';
import type { TestWorld } from '../testing/world.ts';
import { decide as mirror } from './from-endpoints.ts';
import { decide as select } from './from-pods.ts';

function putService(world: TestWorld, spec: Partial<Service['spec']> = {}): Service {
  const full = {
    clusterIP: '10.0.0.1',
    selector: { app: 'web' },
    ports: [{ name: 'http', port: 80, targetPort: 8080 }],
    ...spec,
  };
  return world.put(service, { metadata: { name: 'web', labels: { tier: 'front' } }, spec: full });
}

function putPod(world: TestWorld, name: string, ips: string[], { ready = true, metadata = {}, status = {} } = {}): Pod {
  const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False' }];
  return world.put(pod, {
    metadata: { name, ...metadata },
    spec: { nodeName: 'n1', containers: [{ name: 'c' }] },
    status: { phase: 'Running', conditions, podIPs: ips.map((ip) => ({ ip })), ...status },
  });
}

function step(world: TestWorld) {
  const actions = select({
    service: world.get(service, 'web'),
    pods: world.list(pod),
    slices: world.list(endpointSlice),
    zoneOf: () => 'zone-a',
  });
  world.apply(actions);
  return actions;
}

suite('endpoint-slices decide', () => {
  test('select() tells of each pod where it is and in which state', () => {
    const world = makeTestWorld();
    putService(world);
    putPod(world, 'ready', ['10.1.0.2']);
    putPod(world, 'unready', ['10.1.0.3'], { ready: false });
    putPod(world, 'going', ['10.1.0.4'], { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } });
    putPod(world, 'done', ['10.1.0.5'], { status: { phase: 'Succeeded' } });
    step(world);
    const [slice] = world.list(endpointSlice);
    assert.equal(slice!.addressType, 'IPv4');
    assert.deepEqual(slice!.ports, [{ name: 'http', protocol: 'TCP', port: 8080 }]);
    assert.deepEqual(
      slice!.endpoints.map(({ targetRef, conditions }) => [targetRef!.name, conditions]),
      [
        ['ready', { ready: true, serving: true, terminating: false }],
        ['unready', { ready: false, serving: false, terminating: false }],
        ['going', { ready: false, serving: true, terminating: true }],
      ],
    );
    assert.deepEqual([slice!.endpoints[0]!.nodeName, slice!.endpoints[0]!.zone], ['n1', 'zone-a']);
    assert.deepEqual(slice!.metadata.labels, {
      tier: 'front',
      'kubernetes.io/service-name': 'web',
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    });
    assert.equal(slice!.metadata.ownerReferences![0]!.kind, 'Service');
    assert.match(slice!.metadata.name, /^web-/);
    assert.deepEqual(step(world), []);
  });

  test('select() keeps one empty slice for a Service without pods', () => {
    const world = makeTestWorld();
    putService(world);
    step(world);
    assert.deepEqual(
      world.list(endpointSlice).map(({ endpoints, ports }) => [endpoints, ports]),
      [[[], []]],
    );
    putPod(world, 'a', ['10.1.0.2']);
    step(world);
    assert.deepEqual(
      world.list(endpointSlice).map(({ endpoints }) => endpoints.length),
      [1],
    );
  });

  test('select() makes slices for each address family of a dual-stack Service', () => {
    const world = makeTestWorld();
    putService(world, { ipFamilies: ['IPv4', 'IPv6'] });
    putPod(world, 'a', ['10.1.0.2', 'fd00::2']);
    step(world);
    assert.deepEqual(
      world.list(endpointSlice).map(({ addressType, endpoints }) => [addressType, endpoints[0]!.addresses]),
      [
        ['IPv4', ['10.1.0.2']],
        ['IPv6', ['fd00::2']],
      ],
    );
  });

  test('select() puts at most a hundred endpoints in a slice', () => {
    const world = makeTestWorld();
    putService(world);
    for (let i = 0; i < 250; i++) putPod(world, `p${i}`, [`10.1.1.${i}`]);
    step(world);
    assert.deepEqual(
      world.list(endpointSlice).map(({ endpoints }) => endpoints.length),
      [100, 100, 50],
    );
  });

  test('select() reaches every pod exactly once, and then rests', () => {
    const change = fc.record({ add: fc.nat(150), remove: fc.nat(150) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const world = makeTestWorld();
        putService(world);
        let next = 0;
        for (const { add, remove } of changes) {
          for (const gone of world
            .list(pod)
            .filter((_, i) => i % 2 === 0)
            .slice(0, remove))
            world.remove(pod, gone);
          for (let i = 0; i < add; i++, next++) putPod(world, `p${next}`, [`10.${next >> 8}.0.${next & 255}`]);
          step(world);
          const told = world
            .list(endpointSlice)
            .flatMap((slice) => slice.endpoints.map(({ targetRef }) => targetRef!.name));
          const present = world.list(pod).map(({ metadata }) => metadata.name);
          assert.equal(told.length, present.length);
          assert.deepEqual(new Set(told), new Set(present));
          assert.ok(world.list(endpointSlice).every((slice) => slice.endpoints.length <= 100));
          assert.deepEqual(step(world), []);
        }
      }),
      { numRuns: 20 },
    );
  });

  test('mirror() copies Endpoints that a user keeps, and removes the copy with its reason', () => {
    const world = makeTestWorld();
    const owner = world.put(service, { metadata: { name: 'db' }, spec: { ports: [{ port: 5432 }] } });
    const source = world.put(endpoints, {
      metadata: { name: 'db' },
      subsets: [
        { addresses: [{ ip: '192.0.2.1' }], notReadyAddresses: [{ ip: '192.0.2.2' }], ports: [{ port: 5432 }] },
      ],
    });
    const seen = { endpoints: source, service: owner };
    world.apply(mirror({ ...seen, slices: [] }));
    const [slice] = world.list(endpointSlice);
    assert.deepEqual(slice!.endpoints, [
      { addresses: ['192.0.2.1'], conditions: { ready: true } },
      { addresses: ['192.0.2.2'], conditions: { ready: false } },
    ]);
    assert.equal(
      slice!.metadata.labels!['endpointslice.kubernetes.io/managed-by'],
      'endpointslicemirroring-controller.k8s.io',
    );
    assert.deepEqual(mirror({ ...seen, slices: [slice!] }), []);
    world.apply(mirror({ ...seen, endpoints: undefined, slices: [slice!] }));
    assert.deepEqual(world.list(endpointSlice), []);
  });
});
