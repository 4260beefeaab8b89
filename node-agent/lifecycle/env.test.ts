import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { ConfigMap, Secret, Service } from '#lib/kinds/gen/core-v1.ts';
import { fieldText, resourceText } from './downward.ts';
import { buildEnv } from './env.ts';
import type { Objects } from './env.ts';
import { expand } from './expansion.ts';
import { makeContainer, makePod } from './pods.fixture.ts';
import { serviceEnv } from './service-env.ts';

const facts = {
  nodeName: 'n1',
  hostIps: ['10.0.0.1'],
  podIps: ['10.1.0.5'],
  allocatable: { cpu: '2', memory: '4Gi', 'hugepages-2Mi': '8Mi' },
};
const meta = { uid: 'u', resourceVersion: '1', creationTimestamp: '' };
const configMap = {
  metadata: { ...meta, name: 'cm' },
  data: { a: '1', 'b-c': '2', 'x=y': '3' },
} as unknown as ConfigMap;
const secret = { metadata: { ...meta, name: 's' }, data: { key: btoa('hush') } } as unknown as Secret;
const objects: Objects = {
  configMap: (name) => (name === 'cm' ? configMap : undefined),
  secret: (name) => (name === 's' ? secret : undefined),
};
const none = new Map<string, string>();

function makeService(name: string, namespace: string, clusterIP: string): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...meta, name, namespace },
    spec: {
      clusterIP,
      ports: [
        { name: 'http-web', port: 80, protocol: 'TCP' },
        { name: 'dns', port: 53, protocol: 'UDP' },
      ],
    },
  };
}

suite('node-agent/lifecycle/env', () => {
  test('expand() replaces, escapes and leaves as upstream does', () => {
    const values: Record<string, string> = { A: '1', EMPTY: '' };
    const cases = [
      ['$(A)', '1'],
      ['x$(A)y$(A)', 'x1y1'],
      ['$$(A)', '$(A)'],
      ['$$$(A)', '$1'],
      ['$$$$(A)', '$$(A)'],
      ['$(EMPTY)', ''],
      ['$(NO)', '$(NO)'],
      ['$(A', '$(A'],
      ['$A', '$A'],
      ['a$', 'a$'],
      ['$$', '$'],
      ['$($(A))', '$($(A))'],
    ] as const;
    for (const [text, expected] of cases)
      assert.equal(
        expand(text, (name) => values[name]),
        expected,
        text,
      );
  });

  test('expand() leaves text without a dollar alone, and the escape of any text gives it back', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        assert.equal(
          expand(text.replaceAll('$', '$$$$'), () => 'never'),
          text,
        );
      }),
    );
  });

  test('buildEnv() takes values from everywhere, later over earlier, and expands with what came before', () => {
    const spec = makeContainer('app', {
      envFrom: [{ prefix: 'P_', configMapRef: { name: 'cm' } }],
      env: [
        { name: 'SECRET', valueFrom: { secretKeyRef: { name: 's', key: 'key' } } },
        { name: 'P_a', value: 'own' },
        { name: 'BOTH', value: '$(SECRET)-$(P_a)-$(LATER)-$(KUBERNETES_SERVICE_HOST)' },
        { name: 'LATER', value: 'x' },
        { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
        { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
        { name: 'MAYBE', valueFrom: { configMapKeyRef: { name: 'absent', key: 'k', optional: true } } },
      ],
    });
    const pod = makePod({ containers: [spec] });
    const services = serviceEnv([makeService('kubernetes', 'default', '10.96.0.1')], 'default', false);
    const { variables, skipped } = buildEnv(pod, spec, objects, services, facts);
    assert.equal(variables.get('BOTH'), 'hush-own-$(LATER)-10.96.0.1');
    assert.equal(variables.get('P_b-c'), '2');
    assert.equal(variables.get('IP'), '10.1.0.5');
    assert.equal(variables.get('CPU'), '2000');
    assert.equal(variables.has('MAYBE'), false);
    assert.equal(variables.get('KUBERNETES_SERVICE_PORT_HTTP_WEB'), '80');
    assert.match(skipped[0]!, /^Keys \[P_x=y\] from the EnvFrom configMap default\/cm were skipped/);
  });

  test('buildEnv() names what is missing', () => {
    const build = (env: object) => () =>
      buildEnv(makePod(), makeContainer('app', { env: [{ name: 'X', valueFrom: env }] }), objects, none, facts);
    assert.throws(build({ configMapKeyRef: { name: 'absent', key: 'k' } }), {
      message: 'configmap "absent" not found',
    });
    assert.throws(build({ secretKeyRef: { name: 'absent', key: 'k' } }), { message: 'secret "absent" not found' });
    assert.throws(build({ configMapKeyRef: { name: 'cm', key: 'k' } }), {
      message: "couldn't find key k in ConfigMap default/cm",
    });
  });

  test('serviceEnv() gives the namespace its links, and nobody those of headless services', () => {
    const services = [
      makeService('my-db', 'default', '10.96.0.9'),
      makeService('other', 'elsewhere', '10.96.0.8'),
      makeService('headless', 'default', 'None'),
    ];
    const env = serviceEnv(services, 'default', true);
    assert.deepEqual(Object.fromEntries(env), {
      MY_DB_SERVICE_HOST: '10.96.0.9',
      MY_DB_SERVICE_PORT: '80',
      MY_DB_SERVICE_PORT_HTTP_WEB: '80',
      MY_DB_SERVICE_PORT_DNS: '53',
      MY_DB_PORT: 'tcp://10.96.0.9:80',
      MY_DB_PORT_80_TCP: 'tcp://10.96.0.9:80',
      MY_DB_PORT_80_TCP_PROTO: 'tcp',
      MY_DB_PORT_80_TCP_PORT: '80',
      MY_DB_PORT_80_TCP_ADDR: '10.96.0.9',
      MY_DB_PORT_53_UDP: 'udp://10.96.0.9:53',
      MY_DB_PORT_53_UDP_PROTO: 'udp',
      MY_DB_PORT_53_UDP_PORT: '53',
      MY_DB_PORT_53_UDP_ADDR: '10.96.0.9',
    });
  });

  test('fieldText() writes maps as sorted, quoted lines', () => {
    const pod = makePod({}, undefined, { labels: { b: 'x"y', a: 'one\ntwo' } });
    assert.equal(fieldText(pod, 'metadata.labels', facts), 'a="one\\ntwo"\nb="x\\"y"');
    assert.equal(fieldText(pod, "metadata.labels['b']", facts), 'x"y');
  });

  test('resourceText() rounds up, and takes the node for a missing limit', () => {
    const spec = makeContainer('app', { resources: { limits: { memory: '100Mi' }, requests: { cpu: '250m' } } });
    const pod = makePod({ containers: [spec] });
    const text = (resource: string, divisor?: string) => resourceText(pod, 'app', { resource, divisor }, facts);
    assert.equal(text('limits.memory', '1Mi'), '100');
    assert.equal(text('limits.memory'), String(100 * 1024 * 1024));
    assert.equal(text('requests.cpu'), '1');
    assert.equal(text('limits.cpu'), '2');
    assert.equal(text('requests.memory'), '0');
    assert.equal(text('limits.hugepages-2Mi'), '0');
  });
});
