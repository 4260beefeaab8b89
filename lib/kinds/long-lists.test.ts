/** Lists that are long and bad throughout take no more time than mocha gives to a test. */
import assert from 'node:assert/strict';
import { configMap } from './config-map.ts';
import { mutatingWebhookConfiguration } from './mutating-webhook-configuration.ts';
import { pod } from './pod.ts';
import { storageClass } from './storage-class.ts';
import { faultsOf, made } from './testing/objects.ts';

suite('long lists', () => {
  const many = <T>(item: (i: number) => T): T[] => Array.from({ length: 10_000 }, (_, i) => item(i));
  const container = { name: 'c', image: 'x' };
  const tolerating = (prefix: string) =>
    made(pod, {
      spec: { containers: [container], tolerations: many((i) => ({ key: prefix + i, operator: 'Exists' })) },
    });

  test('owners that all control', () => {
    const ownerReferences = many((i) => ({ apiVersion: 'v1', kind: 'A', name: `b${i}`, uid: 'c', controller: true }));
    assert.equal(faultsOf(configMap, made(configMap, { metadata: { ownerReferences } })).length, 9999);
  });

  test('a path of empty segments', () => {
    const webhook = {
      name: 'a.b.c',
      clientConfig: { service: { namespace: 'a', name: 'b', path: '/'.repeat(1_000_000) } },
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
    };
    const object = made(mutatingWebhookConfiguration, { webhooks: [webhook] });
    assert.equal(faultsOf(mutatingWebhookConfiguration, object).length, 1000);
  });

  test('topologies that all differ', () => {
    const object = made(storageClass, {
      provisioner: 'a.b/c',
      allowedTopologies: many((i) => ({ matchLabelExpressions: [{ key: 'a', values: [`b${i}`] }] })),
    });
    assert.deepEqual(faultsOf(storageClass, object), []);
  });

  test('tolerations that stay, and that do not', () => {
    assert.deepEqual(faultsOf(pod, tolerating('a'), tolerating('a')), []);
    assert.deepEqual(faultsOf(pod, tolerating('b'), tolerating('a')), [
      'spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds',
    ]);
  });

  test('containers that all have the same name and port', () => {
    const ports = [{ containerPort: 1, hostPort: 1 }];
    const object = made(pod, { spec: { containers: many(() => ({ ...container, ports })) } });
    assert.equal(faultsOf(pod, object).length, 19_998);
  });

  test('ports that are all alike, and ports that differ by their host port', () => {
    const warnings = (ports: object[]) =>
      pod.warnings?.(made(pod, { spec: { containers: [{ ...container, ports }] } }), undefined).length ?? 0;
    assert.ok(warnings(many(() => ({ containerPort: 1 }))) < 2000);
    assert.equal(warnings(many((i) => ({ containerPort: 1, hostPort: i + 1 }))), 0);
  });
});
