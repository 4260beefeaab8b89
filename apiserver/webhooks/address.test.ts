import assert from 'node:assert/strict';
import { endpoints as endpointsKind } from '#lib/kinds/endpoints.ts';
import { service as serviceKind } from '#lib/kinds/service.ts';
import type { Lookup } from '../admission/types.ts';
import { addressOf } from './address.ts';

suite('addressOf() a webhook', () => {
  const objects = new Map<unknown, object>([
    [serviceKind, { metadata: { name: 'hook' }, spec: { ports: [{ name: 'tls', port: 443, targetPort: 8443 }] } }],
    [
      endpointsKind,
      { subsets: [{ addresses: [{ ip: '10.42.0.7' }, { ip: '10.42.0.8' }], ports: [{ name: 'tls', port: 8443 }] }] },
    ],
  ]);
  const look = { get: (kind: unknown) => objects.get(kind), list: () => [] } as unknown as Lookup;
  const service = { namespace: 'ops', name: 'hook' };

  test('takes a URL as it is', () => {
    assert.deepEqual(addressOf({ url: 'https://hook.example:8443/a?b=c' }, look, 0), {
      url: 'https://hook.example:8443/a?b=c',
      host: 'hook.example',
      port: 8443,
      path: '/a?b=c',
      serverName: 'hook.example',
    });
    assert.equal(addressOf({ url: 'https://[::1]/' }, look, 0).host, '::1');
  });

  test('takes one of the endpoints of a Service, whose certificate is for the Service', () => {
    assert.deepEqual(addressOf({ service: { ...service, path: '/check' } }, look, 0.9), {
      url: 'https://hook.ops.svc:443/check',
      host: '10.42.0.8',
      port: 8443,
      path: '/check',
      serverName: 'hook.ops.svc',
    });
    assert.throws(() => addressOf({ service: { ...service, port: 444 } }, look, 0), /no service port 444 found/);
    const nothing = { get: () => undefined, list: () => [] } as unknown as Lookup;
    assert.throws(() => addressOf({ service }, nothing, 0), /service "hook" not found/);
  });
});
