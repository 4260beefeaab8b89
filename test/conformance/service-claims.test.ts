/** Claims of cluster IPs and node ports that no longer fit their Services are mended by whichever server starts next. */
import assert from 'node:assert/strict';
import { Etcd3 } from 'etcd3';
import { makeRealEnv } from '#lib/env/real.ts';
import { start } from '../../apiserver/start.ts';
import { configBeside } from '../harness/api.ts';
import type { TestApi } from '../harness/api.ts';
import { eventually } from './operated.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

suite('claims of Services', () => {
  let space: Space;
  let api: TestApi;
  let etcd: Etcd3;
  suiteSetup(async () => {
    space = await makeSpace('claims');
    ({ api } = space);
    etcd = new Etcd3({ hosts: api.etcd.endpoint });
  });
  suiteTeardown(() => etcd.close());

  const make = (name: string, spec: object = {}, port: object = {}) =>
    api.ask('POST', `${space.path}/services`, {
      body: { metadata: { name }, spec: { type: 'NodePort', ports: [{ port: 80, ...port }], ...spec } },
    });
  const holderAt = async (key: string) => (JSON.parse((await etcd.get(key)) ?? '{}') as { uid?: string }).uid;

  test('a claim that nobody holds is given back, and a Service gets the one that it lacks', async () => {
    const ip = '10.43.77.77';
    const nodePort = 31_777;
    const stray = [`/ranges/service-ips/${ip}`, `/ranges/node-ports/${nodePort}`];
    const claim = JSON.stringify({ key: '/registry/services/claims/gone', uid: 'gone', at: 0 });
    for (const key of stray) await etcd.put(key).value(claim);
    assert.match((await make('late', { clusterIP: ip })).body.message, /provided IP is already allocated/);
    assert.match((await make('late', {}, { nodePort })).body.message, /provided port is already allocated/);

    const { metadata, spec } = (await make('robbed')).body;
    const lost = [`/ranges/service-ips/${spec.clusterIP}`, `/ranges/node-ports/${spec.ports[0].nodePort}`];
    for (const key of lost) {
      assert.equal(await holderAt(key), metadata.uid);
      await etcd.delete().key(key);
    }

    // A server compares as soon as it serves.
    const second = await start(configBeside(api, 'claims', '10.99.0.3'), makeRealEnv({ service: 'test' }));
    try {
      for (const key of stray) await eventually(`${key} is free`, async () => (await holderAt(key)) === undefined);
      for (const key of lost) await eventually(`${key} is held`, async () => (await holderAt(key)) === metadata.uid);
    } finally {
      await second.stop();
    }
    const { code, body } = await make('late', { clusterIP: ip }, { nodePort });
    assert.equal(code, 201, body.message);
    assert.match((await make('thief', { clusterIP: spec.clusterIP })).body.message, /provided IP is already allocated/);
  });
});
