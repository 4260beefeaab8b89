import assert from 'node:assert/strict';
import { service } from '#lib/kinds/service.ts';
import type { ApiError } from '#lib/meta/errors.ts';
import { addressRange, numberRange } from '#lib/meta/ranges.ts';
import { makeAdmission } from '../admission/chain.ts';
import { authorize } from '../auth/permissive.fixture.ts';
import { makeClaims } from './claims.ts';
import { at, caller, makeFixture } from './fixture.ts';
import type { Fixture, Loose } from './fixture.ts';
import { addressesOf, holderOf, makeServiceAddresses } from './service-addresses.ts';
import { makeVerbs } from './verbs.ts';

let fixture: Fixture;

setup(async () => {
  // Fourteen addresses.
  fixture = await makeFixture('10.43.0.0/28');
});

teardown(() => fixture.stop());

const make = (name: string, spec: object = {}) =>
  fixture.create(service, { metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } });

const patch = async (name: string, body: object) =>
  (await fixture.verbs.patch(caller, service, at(name), 'application/merge-patch+json', body)).object as Loose;

suite('service addresses', () => {
  test('a Service gets an address of its own, and gives it back', async () => {
    const made = await Promise.all(Array.from({ length: 14 }, (_, i) => make(`s${i}`)));
    assert.equal(new Set(made.map((item) => item['spec'].clusterIP)).size, 14);
    assert.deepEqual(made[0]!['spec'].clusterIPs, [made[0]!['spec'].clusterIP]);
    assert.deepEqual(made[0]!['spec'].ipFamilies, ['IPv4']);
    await assert.rejects(make('full'), /failed to allocate a serviceIP: range is full/);
    await fixture.verbs.delete(caller, service, at('s3'));
    assert.equal((await make('again'))['spec'].clusterIP, made[3]!['spec'].clusterIP);
  });

  test('two servers never give one address twice', async () => {
    const { env, store, world } = fixture;
    const second = makeVerbs({
      env,
      store,
      world,
      authorize,
      admission: makeAdmission({ random: env.random, authorize }),
      attachments: new Map([
        [
          service,
          makeServiceAddresses(
            makeClaims(store, env, 'service-ips', addressRange('10.43.0.0/28'), 0),
            makeClaims(store, env, 'node-ports', numberRange('30000-30010'), 0),
          ),
        ],
      ]),
    });
    const made = await Promise.all(
      Array.from({ length: 14 }, async (_, i) => {
        const body = { metadata: { name: `s${i}` }, spec: { ports: [{ port: 80 }] } };
        const { object } = await (i % 2 === 0 ? second : fixture.verbs).create(caller, service, 'default', body);
        return (object as Loose)['spec'].clusterIP;
      }),
    );
    assert.equal(new Set(made).size, 14);
  });

  test('an address asked for is given once', async () => {
    const made = await make('a', { clusterIP: '10.43.0.10' });
    assert.equal(made['spec'].clusterIP, '10.43.0.10');
    await assert.rejects(make('b', { clusterIP: '10.43.0.10' }), (error: ApiError) => {
      assert.equal(
        error.message,
        'Service "b" is invalid: spec.clusterIPs: Invalid value: []string{"10.43.0.10"}: failed to allocate IP 10.43.0.10: provided IP is already allocated',
      );
      return error.reason === 'Invalid';
    });
    await assert.rejects(
      make('b', { clusterIP: '10.99.0.10' }),
      /is not in the valid range. The range of valid IPs is/,
    );
  });

  test('a create that fails keeps nothing', async () => {
    await make('a');
    for (let i = 0; i < 20; i++) await assert.rejects(make('a', { clusterIP: '10.43.0.9' }));
    await make('b', { clusterIP: '10.43.0.9' });
  });

  test('headless and external Services take no address', async () => {
    const headless = await make('h', { clusterIP: 'None', selector: { app: 'x' } });
    assert.deepEqual(headless['spec'].clusterIPs, ['None']);
    const external = await make('e', { type: 'ExternalName', externalName: 'example.com', ports: undefined });
    assert.equal(external['spec'].clusterIP, undefined);
    assert.equal(external['spec'].ipFamilies, undefined);
  });

  test('node ports are given once, and go with the type that needs them', async () => {
    const made = await make('a', { type: 'NodePort', ports: [{ port: 80, nodePort: 30005 }] });
    assert.equal(made['spec'].ports[0].nodePort, 30005);
    await assert.rejects(make('b', { type: 'NodePort', ports: [{ port: 80, nodePort: 30005 }] }), (error: ApiError) => {
      assert.equal(
        error.message,
        'Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 30005: provided port is already allocated',
      );
      return true;
    });
    const changed = await patch('a', { spec: { type: 'ClusterIP' } });
    assert.equal(changed['spec'].ports[0].nodePort, undefined);
    assert.equal(changed['spec'].clusterIP, made['spec'].clusterIP);
    await make('b', { type: 'NodePort', ports: [{ port: 80, nodePort: 30005 }] });
  });

  test('two protocols on one port share a node port', async () => {
    const ports = [
      { name: 'udp', port: 53, protocol: 'UDP' },
      { name: 'tcp', port: 53, protocol: 'TCP' },
    ];
    const made = await make('a', { type: 'NodePort', ports });
    const [udp, tcp] = made['spec'].ports;
    assert.ok(udp.nodePort >= 30000 && udp.nodePort === tcp.nodePort);
  });

  test('a Service that becomes external gives its address back', async () => {
    const made = await make('a');
    const changed = await patch('a', { spec: { type: 'ExternalName', externalName: 'example.com' } });
    assert.equal(changed['spec'].clusterIP, undefined);
    await make('b', { clusterIP: made['spec'].clusterIP });
  });

  test('a dry run claims nothing', async () => {
    const body = { metadata: { name: 'a' }, spec: { ports: [{ port: 80 }], clusterIP: '10.43.0.9' } };
    await fixture.verbs.create(caller, service, 'default', body, { dryRun: true });
    await make('b', { clusterIP: '10.43.0.9' });
  });

  test('repair frees what a crash left behind, and keeps what is young or in use', async () => {
    const made = await make('a');
    const lost = { key: 'default/lost', uid: 'lost' };
    await fixture.ips.take('10.43.0.9', lost);
    const holders = new Map(addressesOf(made as never).map((item) => [item, holderOf(made as never)] as const));
    await fixture.ips.repair(holders);
    await assert.rejects(make('b', { clusterIP: '10.43.0.9' }));
    await fixture.env.advance(61_000);
    await fixture.ips.repair(holders);
    await make('b', { clusterIP: '10.43.0.9' });
    await assert.rejects(make('c', { clusterIP: made['spec'].clusterIP }));
  });
});
