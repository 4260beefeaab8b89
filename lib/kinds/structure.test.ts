import assert from 'node:assert/strict';
import { isReason } from '#lib/meta/errors.ts';
import { clusterRole } from './cluster-role.ts';
import { configMap } from './config-map.ts';
import { lease } from './lease.ts';
import { pod } from './pod.ts';
import { secret } from './secret.ts';
import { decode, decodeAs, decodeObject } from './structure.ts';

suite('structure', () => {
  const fails = (body: unknown, message: string) =>
    assert.throws(
      () => decodeObject(pod, body),
      (error) => isReason(error, 'BadRequest') && assert.equal(error.message, message) === undefined,
    );
  const cannot = 'Pod in version "v1" cannot be handled as a Pod: ';

  test('decodeObject() fills in kind, metadata, spec and the zero values Go would show', () => {
    const { object, warnings } = decodeObject(pod, { metadata: { name: 'a' } });
    assert.deepEqual(object, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec: { containers: [] } });
    assert.deepEqual(warnings, []);
  });

  test('decodeObject() leaves out what holds nothing, where Go would', () => {
    const { object } = decodeObject(pod, {
      metadata: { name: 'a', namespace: '', labels: {}, annotations: { a: '' }, finalizers: [], managedFields: [] },
      spec: {
        hostNetwork: false,
        nodeName: '',
        automountServiceAccountToken: false,
        priority: 0,
        tolerations: [],
        nodeSelector: {},
        securityContext: {},
        volumes: [{ name: 'v', emptyDir: {} }],
        containers: [
          {
            name: '',
            tty: false,
            args: ['', ''],
            env: [{ name: 'E', value: '' }],
            resources: { limits: {} },
            livenessProbe: { initialDelaySeconds: 0, terminationGracePeriodSeconds: 0, httpGet: { port: 0, path: '' } },
          },
        ],
      },
    });
    assert.deepEqual(object.metadata, { name: 'a', annotations: { a: '' }, managedFields: [] });
    assert.deepEqual(object.spec, {
      automountServiceAccountToken: false,
      priority: 0,
      securityContext: {},
      volumes: [{ name: 'v', emptyDir: {} }],
      containers: [
        {
          name: '',
          args: ['', ''],
          env: [{ name: 'E' }],
          resources: {},
          livenessProbe: { terminationGracePeriodSeconds: 0, httpGet: { port: 0 } },
        },
      ],
    });
    const rules = decodeObject(clusterRole, { metadata: { name: 'a' }, rules: [] }).object;
    assert.deepEqual(rules.rules, [], 'some lists are written all the same');
  });

  test('decodeObject() drops unknown fields, nulls and what holds nothing, and tells unknown fields by path', () => {
    const body = {
      metadata: { name: 'a', creationTimestamp: null, extra: 1 },
      spec: {
        containers: [
          { name: 'a', image: 'b' },
          { name: 'c', colour: 'red' },
        ],
        nodeName: null,
      },
    };
    const { object, warnings } = decodeObject(pod, body);
    assert.deepEqual(object.spec, { containers: [{ name: 'a', image: 'b' }, { name: 'c' }] });
    assert.deepEqual(object.metadata, { name: 'a' });
    assert.deepEqual(warnings, ['unknown field "metadata.extra"', 'unknown field "spec.containers[1].colour"']);
  });

  test('decodeObject() refuses unknown fields when strict, and is silent when told to ignore them', () => {
    assert.throws(() => decodeObject(pod, { spec: { foo: 1 }, bar: 2 }, 'Strict'), {
      message: `${cannot}strict decoding error: unknown field "spec.foo", unknown field "bar"`,
    });
    assert.deepEqual(decodeObject(pod, { bar: 2 }, 'Ignore').warnings, []);
  });

  test('decodeObject() speaks of wrong types as Go does', () => {
    fails([], `${cannot}json: cannot unmarshal array into Go value of type v1.Pod`);
    fails(
      { spec: { activeDeadlineSeconds: 'x' } },
      `${cannot}json: cannot unmarshal string into Go struct field PodSpec.spec.activeDeadlineSeconds of type int64`,
    );
    fails(
      { spec: { containers: [{ env: [{ name: 'A', value: 5 }] }] } },
      `${cannot}json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string`,
    );
    fails(
      { metadata: { labels: { a: true } } },
      `${cannot}json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels.a of type string`,
    );
    fails(
      { spec: { containers: {} } },
      `${cannot}json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container`,
    );
    fails(
      { apiVersion: 'apps/v1' },
      'the API version in the data (apps/v1) does not match the expected API version (v1)',
    );
    fails(
      { spec: { containers: [{ resources: { limits: { cpu: 'much' } } }] } },
      `${cannot}quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'`,
    );
  });

  test('decode() makes quantities, times and bytes canonical', () => {
    const { object } = decodeObject(pod, {
      metadata: { creationTimestamp: '2024-05-01T12:00:00.5+02:00' },
      spec: { containers: [{ resources: { limits: { cpu: 0.5, memory: '1024Mi' } } }] },
    });
    assert.equal(object.metadata.creationTimestamp, '2024-05-01T10:00:00Z');
    assert.deepEqual(object.spec.containers[0]?.resources?.limits, { cpu: '500m', memory: '1Gi' });
    const { object: held } = decodeObject(lease, { spec: { renewTime: '2024-05-01T12:00:00.1234567Z' } });
    assert.equal(held.spec.renewTime, '2024-05-01T12:00:00.123456Z');
    assert.equal(decodeObject(secret, { data: { a: 'eA\n==' } }).object.data?.['a'], 'eA==');
    assert.throws(() => decodeObject(secret, { data: { a: 'x?' } }), /illegal base64 data at input byte 1/);
    assert.throws(
      () => decodeObject(pod, { metadata: { creationTimestamp: 'yesterday' } }),
      /parsing time "yesterday"/,
    );
  });

  test('decode() is safe against keys that objects inherit', () => {
    const body: unknown = JSON.parse(
      '{"__proto__": {"x": 1}, "data": {"__proto__": null, "constructor": "a"}, "toString": 1}',
    );
    const { object, warnings } = decodeObject(configMap, body);
    assert.deepEqual(warnings, ['unknown field "__proto__"', 'unknown field "toString"']);
    assert.deepEqual(Object.keys(object.data ?? {}), ['__proto__', 'constructor']);
    assert.equal(({} as Record<string, unknown>)['x'], undefined);
  });

  test('decode() bounds the depth of free-form JSON and the number of reports', () => {
    const deep: unknown = JSON.parse('['.repeat(600) + ']'.repeat(600));
    assert.throws(
      () => decode('io.k8s.api.apps.v1.ControllerRevision', { data: { deep }, revision: 1 }),
      /nested too deeply/,
    );
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`f${i}`, 1]));
    assert.equal(decodeObject(configMap, many).warnings.length, 64);
  });

  test('decodeAs() decodes bodies that are not of a kind of the list', () => {
    const type = { apiVersion: 'autoscaling/v1', kind: 'Scale', schema: 'io.k8s.api.autoscaling.v1.Scale' };
    const body = { spec: { replicas: 3 } };
    assert.deepEqual(decodeAs(type, body), []);
    assert.deepEqual(body, { ...body, apiVersion: 'autoscaling/v1', kind: 'Scale' });
  });
});
