import assert from 'node:assert/strict';
import type { ServiceSpec } from '#lib/kinds/gen/core-v1.ts';
import { sampleService, sampleSlice } from './testing/samples.ts';
import type { SliceSample } from './testing/samples.ts';
import { routesOf } from './view.ts';

type Endpoints = SliceSample['endpoints'];

function route(spec: Partial<ServiceSpec>, endpoints: Endpoints) {
  const service = sampleService('web', { clusterIP: '10.43.0.1', ...spec });
  return routesOf(service, [sampleSlice('web', { endpoints })], 'here')[0]!;
}

const addresses = ({ backends }: { backends: readonly { address: string }[] }) =>
  backends.map(({ address }) => address);
const at = (address: string, nodeName: string, conditions = {}) => ({
  address,
  nodeName,
  conditions: { ready: true, ...conditions },
});

suite('routesOf()', () => {
  test('leads to ready endpoints alone, in a steady order', () => {
    const endpoints = [at('10.42.0.9', 'here'), at('10.42.0.5', 'there'), at('10.42.0.7', 'here', { ready: false })];
    assert.deepEqual(addresses(route({}, endpoints).internal), ['10.42.0.5', '10.42.0.9']);
  });

  test('falls back on endpoints that serve while they terminate, and only then', () => {
    const leaving = at('10.42.0.5', 'here', { ready: false, serving: true, terminating: true });
    assert.deepEqual(addresses(route({}, [leaving]).internal), ['10.42.0.5']);
    assert.deepEqual(addresses(route({}, [leaving, at('10.42.0.6', 'there')]).internal), ['10.42.0.6']);
    const dead = at('10.42.0.5', 'here', { ready: false, serving: false, terminating: true });
    assert.deepEqual(addresses(route({}, [dead]).internal), []);
  });

  test('keeps local traffic local, and is silent where only other nodes would serve it', () => {
    const spec = {
      type: 'NodePort' as const,
      internalTrafficPolicy: 'Local' as const,
      externalTrafficPolicy: 'Local' as const,
    };
    const served = route(spec, [at('10.42.0.5', 'here'), at('10.42.1.5', 'there')]);
    assert.deepEqual(
      [addresses(served.internal), addresses(served.external), addresses(served.everywhere)],
      [['10.42.0.5'], ['10.42.0.5'], ['10.42.0.5', '10.42.1.5']],
    );
    const elsewhere = route(spec, [at('10.42.1.5', 'there')]);
    assert.deepEqual([elsewhere.internal.otherwise, elsewhere.external.otherwise], ['drop', 'drop']);
    assert.equal(route(spec, []).internal.otherwise, 'reject');
  });

  test('takes a named port from each slice as that slice has it', () => {
    const service = sampleService('web', { clusterIP: '10.43.0.1' });
    const slices = [8080, 9090].map((port, i) =>
      sampleSlice('web', {
        ports: [
          { name: 'other', port: 1 },
          { name: 'http', port },
        ],
        endpoints: [{ address: `10.42.0.${i}` }],
      }),
    );
    const backends = routesOf(service, slices, 'here')[0]!.internal.backends;
    assert.deepEqual(
      backends.map(({ address, port }) => `${address}:${port}`),
      ['10.42.0.0:8080', '10.42.0.1:9090'],
    );
  });

  test('gives no routes to headless and ExternalName Services', () => {
    assert.deepEqual(routesOf(sampleService('a', { clusterIP: 'None' }), [], 'here'), []);
    assert.deepEqual(
      routesOf(sampleService('a', { type: 'ExternalName', externalName: 'example.test' }), [], 'here'),
      [],
    );
  });

  test('takes external and load balancer addresses, but not those that a balancer answers itself', () => {
    const service = sampleService('web', { clusterIP: '10.43.0.1', externalIPs: ['192.0.2.1'] });
    service.status = {
      loadBalancer: { ingress: [{ ip: '192.0.2.2' }, { ip: '192.0.2.3', ipMode: 'Proxy' }, { hostname: 'x' }] },
    };
    assert.deepEqual(routesOf(service, [], 'here')[0]!.externalAddresses, ['192.0.2.1', '192.0.2.2']);
  });
});
