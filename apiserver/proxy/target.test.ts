import assert from 'node:assert/strict';
import type { Endpoints, Node, Pod, Service } from '#lib/kinds/gen/core-v1.ts';
import { nodeTarget, podTarget, serviceTarget, wishOf } from './target.ts';

const pod = (podIP: string, ports: number[] = []) =>
  ({
    metadata: { name: 'web' },
    spec: { containers: [{ name: 'c', ports: ports.map((containerPort) => ({ containerPort })) }] },
    status: { podIP },
  }) as unknown as Pod;
const service = {
  metadata: { name: 'shop' },
  spec: {
    ports: [
      { name: 'web', port: 80 },
      { name: 'metrics', port: 90 },
    ],
  },
} as unknown as Service;
const anyone = () => true;
const endpoints = (...ips: string[]) =>
  ({
    subsets: [
      {
        addresses: ips.map((ip) => ({ ip })),
        ports: [
          { name: 'web', port: 8080 },
          { name: 'metrics', port: 9090 },
        ],
      },
    ],
  }) as unknown as Endpoints;

suite('apiserver/proxy/target', () => {
  test('wishOf() takes scheme, name and port apart', () => {
    assert.deepEqual(wishOf('web', 'pod'), { scheme: 'http', name: 'web', port: '' });
    assert.deepEqual(wishOf('web:8080', 'pod'), { scheme: 'http', name: 'web', port: '8080' });
    assert.deepEqual(wishOf('https:web:', 'pod'), { scheme: 'https', name: 'web', port: '' });
    assert.deepEqual(wishOf(':web:x', 'pod'), { scheme: 'http', name: 'web', port: 'x' });
    for (const bad of ['ftp:web:1', 'a:b:c:d', ':80'])
      assert.throws(() => wishOf(bad, 'pod'), { message: `invalid pod request "${bad}"` });
  });

  test('podTarget() takes the port asked for, else the first, and never leads back to this machine', () => {
    const wish = wishOf('web', 'pod');
    assert.deepEqual(podTarget(pod('10.0.0.1', [8080, 9090]), wish), { scheme: 'http', host: '10.0.0.1', port: 8080 });
    assert.equal(podTarget(pod('10.0.0.1'), wish).port, 80);
    assert.equal(podTarget(pod('10.0.0.1'), { ...wish, port: '81' }).port, 81);
    const local = ['127.0.0.1', '169.254.169.254', '0.0.0.0', '::1', 'fe80::1', '::ffff:127.0.0.1', 'fe80::1%eth0'];
    for (const ip of [...local, '255.255.255.255', '224.0.0.1', 'localhost', '127.1', ''])
      assert.throws(() => podTarget(pod(ip), wish), /address not allowed/, ip);
    assert.throws(() => podTarget(pod('10.0.0.1'), { ...wish, port: '99999' }), /invalid port/);
  });

  test('nodeTarget() leads to the agent, or by a port to whatever else listens there', () => {
    const node = (address: string) =>
      ({
        metadata: { name: 'n1' },
        status: {
          addresses: [{ type: 'InternalIP', address }],
          daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
        },
      }) as unknown as Node;
    const agent = { scheme: 'https', host: '10.0.0.9', port: 10250, agent: 'n1' };
    assert.deepEqual(nodeTarget(node('10.0.0.9'), wishOf('n1', 'node')), agent);
    assert.deepEqual(nodeTarget(node('10.0.0.9'), wishOf('http:n1:10250', 'node')), agent);
    const other = { scheme: 'http', host: '10.0.0.9', port: 9100 };
    assert.deepEqual(nodeTarget(node('10.0.0.9'), wishOf('n1:9100', 'node')), other);
    assert.throws(() => nodeTarget(node('127.0.0.1'), wishOf('n1:9100', 'node')), /address not allowed/);
    assert.throws(() => nodeTarget({ metadata: { name: 'n1' } } as Node, wishOf('n1', 'node')), {
      reason: 'Unknown',
      message: 'no preferred addresses found; known addresses: []',
    });
  });

  test('serviceTarget() finds ready endpoints by the name or number of a port', () => {
    const at = (port: string, chance = 0) =>
      serviceTarget(service, endpoints('10.0.0.1', '10.0.0.2'), { scheme: 'http', name: 'shop', port }, chance, anyone);
    assert.deepEqual(at('web'), { scheme: 'http', host: '10.0.0.1', port: 8080 });
    assert.deepEqual(at('90', 0.9), { scheme: 'http', host: '10.0.0.2', port: 9090 });
    assert.throws(() => at('91'), { message: 'no service port 91 found for service "shop"' });
    assert.throws(() => at(''), { message: 'no endpoints available for service "shop"' });
    const web = wishOf('shop:web', 'service');
    assert.throws(() => serviceTarget(service, undefined, web, 0, anyone), /no endpoints available/);
    const second = serviceTarget(service, endpoints('10.0.0.1', '10.0.0.2'), web, 0, ({ ip }) => ip === '10.0.0.2');
    assert.equal(second.host, '10.0.0.2');
    assert.throws(() => serviceTarget(service, endpoints('10.0.0.1'), web, 0, () => false), /no endpoints available/);
    assert.throws(() => serviceTarget(service, endpoints('127.0.0.1'), web, 0, anyone), /address not allowed/);
  });
});
