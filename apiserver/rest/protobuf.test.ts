import assert from 'node:assert/strict';
import type { ApiError } from '#lib/meta/errors.ts';
import { decodeEnvelope, encodeEnvelope } from './protobuf.ts';

const through = (object: { apiVersion: string; kind: string }) => decodeEnvelope(encodeEnvelope(object)!);

suite('protobuf', () => {
  test('what is embedded in Go comes through: volumes, probes, references, ephemeral containers', () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'a', creationTimestamp: '2026-01-01T00:00:00Z', labels: { a: 'b' }, finalizers: ['x/y'] },
      spec: {
        volumes: [
          { name: 'e', emptyDir: { sizeLimit: '1Gi' } },
          { name: 's', secret: { secretName: 'x', defaultMode: 0 } },
          {
            name: 'p',
            projected: { sources: [{ configMap: { name: 'm', items: [{ key: 'k', path: 'p' }] } }], defaultMode: 420 },
          },
        ],
        containers: [
          {
            name: 'c',
            image: 'i',
            args: ['', 'x'],
            env: [{ name: 'E', valueFrom: { secretKeyRef: { name: 's', key: 'k', optional: false } } }],
            envFrom: [{ configMapRef: { name: 'm' } }],
            resources: { limits: { cpu: '100m', memory: '1Gi' } },
            startupProbe: { exec: { command: ['true'] }, timeoutSeconds: 2 },
            readinessProbe: { httpGet: { path: '/', port: 'http' } },
            securityContext: { runAsUser: 0, privileged: false, capabilities: { add: ['NET_ADMIN'] } },
          },
        ],
        ephemeralContainers: [{ name: 'd', image: 'i', targetContainerName: 'c' }],
        terminationGracePeriodSeconds: 0,
        tolerations: [{ operator: 'Exists', tolerationSeconds: 0 }],
      },
    };
    assert.deepEqual(through(pod), pod);
  });

  test('bytes, microseconds, free JSON and lists within maps come through', () => {
    const objects = [
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, data: { k: 'AAEC/w==' }, immutable: false },
      {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: 'l' },
        spec: { renewTime: '2026-01-01T00:00:00.123456Z', leaseTransitions: 0 },
      },
      {
        apiVersion: 'apps/v1',
        kind: 'ControllerRevision',
        metadata: { name: 'r' },
        data: { spec: { a: [1, null, 'x'] } },
        revision: 3,
      },
      {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'SelfSubjectReview',
        metadata: {},
        status: { userInfo: { username: 'u', extra: { k: ['a', 'b'] } } },
      },
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicy',
        metadata: { name: 'p' },
        spec: {
          matchConstraints: {
            resourceRules: [{ resourceNames: ['n'], operations: ['CREATE'], apiGroups: [''], resources: ['pods'] }],
          },
        },
      },
      { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0, propagationPolicy: 'Foreground' },
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 'e' },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: false } }],
        ports: [{ name: '', port: 80 }],
      },
    ];
    for (const object of objects) assert.deepEqual(through(object), object);
  });

  test('large and negative numbers come through', () => {
    const object = {
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name: 'p', generation: 2 ** 40 },
      value: -2_000_000_000,
    };
    assert.deepEqual(through(object), object);
  });

  test('what is no protobuf, or ends early, is a BadRequest', () => {
    const good = encodeEnvelope({ apiVersion: 'v1', kind: 'ConfigMap' })!;
    for (const bytes of [Buffer.from('{}'), good.subarray(0, -3), Buffer.concat([good, Buffer.from([0xff])])]) {
      assert.throws(
        () => decodeEnvelope(bytes),
        (error: ApiError) => error.reason === 'BadRequest',
      );
    }
    const unknown = Buffer.concat([
      Buffer.from('k8s\0'),
      Buffer.from([0x0a, 0x06, 0x0a, 0x01, 0x76, 0x12, 0x01, 0x58]),
    ]);
    assert.throws(() => decodeEnvelope(unknown), /no kind "X" is registered for version "v"/);
  });
});
