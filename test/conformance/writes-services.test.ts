/** What a Service is given, keeps, and gives back as it changes. Words and codes are upstream's. */
import assert from 'node:assert/strict';
import type { Answer, TestApi } from '../harness/api.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

suite('Services', () => {
  let space: Space;
  let api: TestApi;
  suiteSetup(async () => {
    space = await makeSpace('services');
    ({ api } = space);
  });

  const at = (rest = '') => `${space.path}/services${rest}`;
  const ports = [{ port: 80 }];
  const make = (name: string, spec: object = {}, query = '') =>
    api.ask('POST', at(query), { body: { metadata: { name }, spec: { ports, ...spec } } });
  const change = (name: string, spec: object, query = '') => space.patch(at(`/${name}${query}`), { spec });
  const specOf = ({ code, body }: Answer) => {
    assert.ok(code < 300, body.message);
    return body.spec;
  };
  const refused = (name: string, fault: string) => [422, `Service "${name}" is invalid: ${fault}`];
  const told = ({ code, body }: Answer) => [code, body.message];

  test('an address is given once, kept, and given back', async () => {
    const { clusterIP, clusterIPs } = specOf(await make('a'));
    assert.match(clusterIP, /^10\.43\./);
    assert.deepEqual(clusterIPs, [clusterIP]);
    assert.deepEqual(
      told(await make('b', { clusterIP })),
      refused(
        'b',
        `spec.clusterIPs: Invalid value: []string{"${clusterIP}"}: failed to allocate IP ${clusterIP}: provided IP is already allocated`,
      ),
    );
    assert.deepEqual(
      told(await make('b', { clusterIP: '10.99.0.1' })),
      refused(
        'b',
        'spec.clusterIPs: Invalid value: []string{"10.99.0.1"}: failed to allocate IP 10.99.0.1: the provided IP (10.99.0.1) is not in the valid range. The range of valid IPs is 10.43.0.0/16',
      ),
    );
    // A replacement that leaves it out keeps it; one that names another is refused.
    const replaced = await api.ask('PUT', at('/a'), { body: { metadata: { name: 'a' }, spec: { ports } } });
    assert.equal(specOf(replaced).clusterIP, clusterIP);
    assert.deepEqual(
      told(await change('a', { clusterIP: '10.43.7.7', clusterIPs: ['10.43.7.7'] })),
      refused('a', 'spec.clusterIPs[0]: Invalid value: []string{"10.43.7.7"}: may not change once set'),
    );
    await api.ask('DELETE', at('/a'));
    assert.equal(specOf(await make('b', { clusterIP })).clusterIP, clusterIP);
  });

  test('a name outside the cluster needs no address, and a change to one gives it back', async () => {
    const { clusterIP } = specOf(await make('named'));
    const outside = specOf(await change('named', { type: 'ExternalName', externalName: 'example.com' }));
    assert.deepEqual([outside.clusterIP, outside.clusterIPs, outside.ipFamilies], [undefined, undefined, undefined]);
    assert.equal(specOf(await make('next', { clusterIP })).clusterIP, clusterIP);
    const back = specOf(await change('named', { type: 'ClusterIP', externalName: null }));
    assert.match(back.clusterIP, /^10\.43\./);
  });

  test('headless Services have none; without a selector they are of any family', async () => {
    const selecting = specOf(await make('headless', { clusterIP: 'None', selector: { a: 'b' } }));
    assert.deepEqual(
      [selecting.clusterIPs, selecting.ipFamilyPolicy, selecting.ipFamilies],
      [['None'], 'SingleStack', ['IPv4']],
    );
    const open = specOf(await make('open', { clusterIP: 'None' }));
    assert.deepEqual([open.ipFamilyPolicy, open.ipFamilies], ['RequireDualStack', ['IPv4', 'IPv6']]);
  });

  test('node ports come and go with the type, and are kept in between', async () => {
    const [{ nodePort }] = specOf(await make('ports', { type: 'NodePort' })).ports;
    assert.ok(nodePort >= 30_000 && nodePort <= 32_767);
    const [kept] = specOf(await change('ports', { ports: [{ port: 80, name: 'web' }] })).ports;
    assert.equal(kept.nodePort, nodePort);
    assert.deepEqual(
      told(await make('twin', { type: 'NodePort', ports: [{ port: 80, nodePort }] })),
      refused('twin', `spec.ports[0].nodePort: Invalid value: ${nodePort}: provided port is already allocated`),
    );
    assert.deepEqual(
      told(await make('low', { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] })),
      refused(
        'low',
        'spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
      ),
    );
    const [closed] = specOf(await change('ports', { type: 'ClusterIP' })).ports;
    assert.equal(closed.nodePort, undefined);
    assert.equal(
      specOf(await make('twin', { type: 'NodePort', ports: [{ port: 80, nodePort }] })).ports[0].nodePort,
      nodePort,
    );
  });

  test('a balancer that spares hops has a port to ask for its health', async () => {
    const local = specOf(await make('balanced', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' }));
    assert.ok(local.healthCheckNodePort >= 30_000);
    assert.notEqual(local.healthCheckNodePort, local.ports[0].nodePort);
    const cluster = specOf(await change('balanced', { externalTrafficPolicy: 'Cluster' }));
    assert.equal(cluster.healthCheckNodePort, undefined);
    const bare = specOf(await make('bare', { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false }));
    assert.equal(bare.ports[0].nodePort, undefined);
  });

  test('a dry run shows where the ranges begin, and takes nothing', async () => {
    const dry = specOf(await make('dry', { type: 'NodePort' }, '?dryRun=All'));
    assert.deepEqual([dry.clusterIP, dry.clusterIPs, dry.ports[0].nodePort], ['10.43.0.0', ['10.43.0.0'], 30_000]);
    assert.equal((await api.ask('GET', at('/dry'))).code, 404);
    const asked = specOf(await make('dry', { clusterIP: '10.43.9.9' }, '?dryRun=All'));
    assert.equal(asked.clusterIP, '10.43.9.9');
    assert.equal(specOf(await make('wet', { clusterIP: '10.43.9.9' })).clusterIP, '10.43.9.9');
    assert.equal((await make('dry', { clusterIP: '10.43.9.9' }, '?dryRun=All')).code, 422);
  });

  test('an update creates one, address and all', async () => {
    const made = await api.ask('PUT', at('/put'), { body: { metadata: { name: 'put' }, spec: { ports } } });
    assert.equal(made.code, 201);
    assert.match(made.body.spec.clusterIP, /^10\.43\./);
  });
});
