import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { kinds } from '#lib/kinds/index.ts';
import { pointerFields, schemaNames, schemaType } from '#lib/kinds/schema.ts';
import type { SchemaField } from '#lib/kinds/schema.ts';
import { decode, decodeObject } from '#lib/kinds/structure.ts';
import { arbitraryBody } from '#lib/kinds/testing/arbitrary.ts';
import type { ApiError } from '#lib/meta/errors.ts';
import { decodeEnvelope, encodeEnvelope } from './protobuf.ts';

type Json = Record<string, unknown>;

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
    // Go writes these structs always, and so shows them in JSON.
    const shown = {
      ...pod,
      status: {},
      spec: { ...pod.spec, ephemeralContainers: [{ ...pod.spec.ephemeralContainers[0], resources: {} }] },
    };
    assert.deepEqual(through(pod), shown);
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
    const shown: Record<string, object> = { ValidatingAdmissionPolicy: { status: {} } };
    for (const object of objects) assert.deepEqual(through(object), { ...object, ...shown[object.kind] });
  });

  test('the bytes are those that Go makes', () => {
    const golden = JSON.parse(readFileSync(new URL('golden/protobuf.json', import.meta.url), 'utf8')) as {
      object: { apiVersion: string; kind: string };
      bytes: string;
    }[];
    for (const { object, bytes } of golden) {
      assert.deepEqual(decodeEnvelope(Buffer.from(bytes, 'hex')), object);
      assert.equal(encodeEnvelope(object)!.toString('hex'), bytes, object.kind);
    }
  });

  test('objects of every kind come through as Go would show them', () => {
    for (const kind of kinds) {
      fc.assert(
        fc.property(arbitraryBody(kind), (body) => {
          const { object } = decodeObject(kind, body, 'Ignore');
          assert.deepEqual(plain(kind.schema, through(object)), plain(kind.schema, object));
        }),
        { numRuns: 50 },
      );
    }
  });

  test('objects of every type that upstream declares come through, options and lists among them', () => {
    // Those of stable versions that are encoded at all, whose type stands in the envelope.
    const stable = schemaNames().filter((name) => /\.v\d\.\w+$/.test(name));
    const wholes = stable.filter((name) => {
      const { apiVersion, kind, ...fields } = schemaType(name).props ?? {};
      const isTyped = apiVersion?.type === 'string' && apiVersion.pn === undefined && kind?.pn === undefined;
      return isTyped && Object.values(fields).every(({ pn }) => pn !== undefined);
    });
    assert.ok(wholes.length > 100);
    for (const schema of wholes) {
      const [kind = '', version = '', group = ''] = schema.split('.').reverse();
      const domain = group === 'apiextensions' ? 'apiextensions.k8s.io' : group;
      const apiVersion = group === 'core' || group === 'meta' ? version : `${domain}/${version}`;
      fc.assert(
        fc.property(arbitraryBody({ schema, apiVersion, kind, namespaced: false }), (body) => {
          decode(schema, body);
          const object = body as { apiVersion: string; kind: string };
          assert.deepEqual(plain(schema, through(object)), plain(schema, object), schema);
        }),
        { numRuns: 5 },
      );
    }
  });

  test('meta types come through, Status and discovery among them', () => {
    const objects = [
      {
        apiVersion: 'v1',
        kind: 'Status',
        metadata: {},
        status: 'Failure',
        message: 'no',
        reason: 'NotFound',
        details: { name: 'a', kind: 'pods', causes: [{ reason: 'x', message: 'y', field: 'z' }], retryAfterSeconds: 1 },
        code: 404,
      },
      {
        apiVersion: 'v1',
        kind: 'APIResourceList',
        groupVersion: 'v1',
        resources: [
          { name: 'pods', singularName: 'pod', namespaced: true, kind: 'Pod', verbs: ['get'], shortNames: ['po'] },
          { name: 'none', kind: 'None', verbs: [] },
        ],
      },
      { apiVersion: 'meta.k8s.io/v1', kind: 'PatchOptions', dryRun: ['All'], force: false, fieldManager: 'm' },
      { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 's' }, spec: { replicas: 3 }, status: {} },
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

/** The object as JSON and protobuf alike can tell it: nothing that is empty, but the structs that Go always shows. */
function plain(schema: string, object: object): Json {
  const { props = {} } = schemaType(schema);
  const pointers = pointerFields(schema);
  const result: Json = {};
  for (const [name, facts] of Object.entries(props)) {
    const value = plainValue(facts, (object as Json)[name]);
    const isPointer = pointers.includes(name);
    if (facts.$ref && !isPointer) result[name] = plain(facts.$ref, (value as Json | undefined) ?? {});
    else if (isPointer ? value !== undefined : !isEmpty(facts, value)) result[name] = value;
  }
  return result;
}

function plainValue(facts: SchemaField, value: unknown): unknown {
  if (value === undefined || value === null) return undefined;
  if (facts.$ref) return plain(facts.$ref, value);
  if (facts.type === 'array') return (value as unknown[]).map((item) => plainValue(facts.items ?? {}, item));
  if (facts.type !== 'object' || facts.raw) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, plainValue(facts.additionalProperties ?? {}, item)]);
  return Object.fromEntries(entries);
}

function isEmpty(facts: SchemaField, value: unknown): boolean {
  if (value === undefined || value === '' || value === 0 || value === false) return true;
  if (facts.type === 'quantity') return value === '0';
  return typeof value === 'object' && Object.keys(value!).length === 0;
}
