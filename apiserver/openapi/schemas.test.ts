import assert from 'node:assert/strict';
import { kinds } from '#lib/kinds/index.ts';
import { collectSchemas, dialectV2, dialectV3 } from './schemas.ts';

suite('collectSchemas()', () => {
  const roots = ['io.k8s.api.core.v1.Pod', 'io.k8s.api.core.v1.Event', 'io.k8s.api.networking.v1.Ingress'];
  const rich = collectSchemas(roots, kinds, dialectV3);
  const plain = collectSchemas(roots, kinds, dialectV2);
  const field = (type: string, name: string, from = rich) =>
    (from[`io.k8s.api.${type}`]!['properties'] as Record<string, Record<string, unknown>>)[name]!;

  test('gives what Go always writes its zero value as default, and stated defaults theirs', () => {
    assert.deepEqual(field('core.v1.Container', 'resources')['default'], {});
    assert.equal(field('core.v1.Container', 'name')['default'], '');
    assert.equal(field('core.v1.ContainerPort', 'containerPort')['default'], 0);
    assert.equal(field('core.v1.ContainerPort', 'protocol')['default'], 'TCP');
    assert.equal(field('core.v1.Event', 'reportingInstance')['default'], '');
  });

  test('gives pointers, times and optional fields no default', () => {
    for (const [type, name] of [
      ['core.v1.Volume', 'nfs'],
      ['core.v1.Probe', 'exec'],
      ['core.v1.Container', 'livenessProbe'],
      ['core.v1.Container', 'image'],
      ['core.v1.ContainerStateRunning', 'startedAt'],
      ['networking.v1.HTTPIngressPath', 'pathType'],
    ] as const) {
      assert.equal('default' in field(type, name), false, `${type}.${name}`);
    }
  });

  test('version 2 tells references and enums, but no defaults', () => {
    assert.deepEqual(
      Object.values(plain).filter((schema) => JSON.stringify(schema).includes('"default":')),
      [],
    );
    assert.equal(
      field('core.v1.Container', 'resources', plain)['$ref'],
      '#/definitions/io.k8s.api.core.v1.ResourceRequirements',
    );
    assert.deepEqual(field('core.v1.ContainerPort', 'protocol', plain)['enum'], ['SCTP', 'TCP', 'UDP']);
  });

  test('a type that is a union says by which field', () => {
    assert.deepEqual(rich['io.k8s.api.core.v1.SeccompProfile']?.['x-kubernetes-unions'], [
      { discriminator: 'type', 'fields-to-discriminateBy': { localhostProfile: 'LocalhostProfile' } },
    ]);
  });

  test('a reference in version 3 is wrapped exactly where something stands beside it', () => {
    const bare = { $ref: '#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity' };
    const limits = field('core.v1.ResourceRequirements', 'limits');
    assert.deepEqual(limits['additionalProperties'], bare);
    assert.deepEqual(field('core.v1.Container', 'ports')['items'], {
      default: {},
      allOf: [{ $ref: '#/components/schemas/io.k8s.api.core.v1.ContainerPort' }],
    });
    for (const [name, schema] of Object.entries(rich)) {
      for (const value of Object.values((schema['properties'] ?? {}) as Record<string, object>)) {
        if ('$ref' in value) assert.deepEqual(Object.keys(value), ['$ref'], name);
      }
    }
  });
});
