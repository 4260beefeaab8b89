/** An object has two writers, of what it should be and of what it is: neither touches what is the other's. */
import assert from 'node:assert/strict';
import type { Answer, TestApi } from '../harness/api.ts';
import { kinds } from '#lib/kinds/index.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

const metadata = { labels: { app: 'a' } };
const pod = { containers: [{ name: 'c', image: 'i' }] };
const workload = { selector: { matchLabels: { app: 'a' } }, template: { metadata, spec: pod } };
const jobTemplate = { template: { spec: { ...pod, restartPolicy: 'Never' } } };
const target = { apiVersion: 'v1', kind: 'Pod', name: 'p' };

interface Case {
  spec?: object;
  /** What a status may say, and no server sets by itself. */
  status: object;
  /** A change of the spec that the object itself would take. */
  change: object;
}

/** By `version plural`. */
const cases: Readonly<Record<string, Case>> = {
  'v1 namespaces': { status: { conditions: [condition('A')] }, change: { finalizers: ['example.com/a'] } },
  'v1 nodes': { status: { nodeInfo: { kubeletVersion: 'x' } }, change: { unschedulable: true } },
  'v1 persistentvolumes': {
    spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/a' } },
    status: { message: 'm' },
    change: { persistentVolumeReclaimPolicy: 'Delete' },
  },
  'v1 persistentvolumeclaims': {
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    status: { capacity: { storage: '1Gi' } },
    change: { volumeName: 'v' },
  },
  'v1 pods': { spec: pod, status: { message: 'm' }, change: { activeDeadlineSeconds: 5 } },
  'v1 replicationcontrollers': {
    spec: { selector: { app: 'a' }, template: workload.template },
    status: { replicas: 3 },
    change: { replicas: 2 },
  },
  'v1 resourcequotas': { spec: {}, status: { used: { pods: '3' } }, change: { hard: { pods: '2' } } },
  'v1 services': {
    spec: { ports: [{ port: 80 }] },
    status: { conditions: [{ ...condition('A'), reason: 'R', message: '', observedGeneration: 1 }] },
    change: { sessionAffinity: 'ClientIP' },
  },
  'apps/v1 daemonsets': { spec: workload, status: { numberReady: 3 }, change: { minReadySeconds: 2 } },
  'apps/v1 deployments': { spec: workload, status: { replicas: 3 }, change: { replicas: 2 } },
  'apps/v1 replicasets': { spec: workload, status: { replicas: 3 }, change: { replicas: 2 } },
  'apps/v1 statefulsets': {
    spec: { ...workload, serviceName: 's' },
    status: { replicas: 3 },
    change: { replicas: 2 },
  },
  'batch/v1 cronjobs': {
    spec: { schedule: '* * * * *', jobTemplate: { spec: jobTemplate } },
    status: { lastScheduleTime: '2020-01-01T00:00:00Z' },
    change: { suspend: true },
  },
  'batch/v1 jobs': { spec: jobTemplate, status: { failed: 1 }, change: { parallelism: 2 } },
  'autoscaling/v2 horizontalpodautoscalers': {
    spec: { maxReplicas: 3, scaleTargetRef: target },
    status: { currentReplicas: 1, desiredReplicas: 3 },
    change: { maxReplicas: 4 },
  },
  'autoscaling/v1 horizontalpodautoscalers': {
    spec: { maxReplicas: 3, scaleTargetRef: target },
    status: { currentReplicas: 1, desiredReplicas: 3 },
    change: { maxReplicas: 4 },
  },
  'networking.k8s.io/v1 ingresses': {
    spec: { defaultBackend: { service: { name: 's', port: { number: 80 } } } },
    status: { loadBalancer: { ingress: [{ ip: '10.0.0.1' }] } },
    change: { ingressClassName: 'c' },
  },
  'policy/v1 poddisruptionbudgets': {
    spec: { minAvailable: 1, selector: { matchLabels: { app: 'status' } } },
    status: { expectedPods: 3, currentHealthy: 1, desiredHealthy: 1, disruptionsAllowed: 0 },
    change: { unhealthyPodEvictionPolicy: 'AlwaysAllow' },
  },
  'storage.k8s.io/v1 volumeattachments': {
    spec: { attacher: 'a', nodeName: 'n', source: { persistentVolumeName: 'v' } },
    status: { attached: true },
    change: {},
  },
  'certificates.k8s.io/v1 certificatesigningrequests': {
    spec: {
      request: btoa('-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n'),
      signerName: 'example.com/s',
      usages: ['client auth'],
    },
    status: { conditions: [{ type: 'Failed', status: 'True', reason: 'R', message: 'm' }] },
    change: {},
  },
  'admissionregistration.k8s.io/v1 validatingadmissionpolicies': {
    spec: {
      validations: [{ expression: 'true' }],
      matchConstraints: {
        resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
      },
    },
    status: { observedGeneration: 3 },
    change: { failurePolicy: 'Ignore' },
  },
  'flowcontrol.apiserver.k8s.io/v1 prioritylevelconfigurations': {
    spec: { type: 'Limited', limited: { nominalConcurrencyShares: 1, limitResponse: { type: 'Reject' } } },
    status: { conditions: [condition('A')] },
    change: { limited: { nominalConcurrencyShares: 2 } },
  },
};

function condition(type: string) {
  return { type, status: 'True', lastTransitionTime: '2020-01-01T00:00:00Z', reason: 'R', message: 'm' };
}

/** Kinds whose status a creator may set: a node comes with what it is. */
const createdWithStatus = new Set(['nodes']);

suite('status', () => {
  let space: Space;
  let api: TestApi;
  suiteSetup(async () => {
    space = await makeSpace('statuses');
    ({ api } = space);
  });

  const listPath = ({ apiVersion, namespaced, plural }: Kind) => {
    const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    return namespaced ? `${root}/namespaces/statuses/${plural}` : `${root}/${plural}`;
  };
  const contains = (whole: unknown, part: unknown): boolean =>
    typeof part === 'object' && part !== null
      ? Object.entries(part).every(([key, value]) =>
          contains((whole as Record<string, unknown> | undefined)?.[key], value),
        )
      : whole === part;
  const ok = ({ code, body }: Answer) => {
    assert.ok(code < 300, body.message);
    return body;
  };

  for (const [title, { spec, status, change }] of Object.entries(cases)) {
    const [apiVersion, plural] = title.split(' ') as [string, string];
    const kind = kinds.find((each) => each.apiVersion === apiVersion && each.plural === plural)!;

    test(`of ${title}`, async () => {
      const path = listPath(kind);
      const name = `of-${plural}-${apiVersion.split('/').at(-1)}`;
      const draft = { metadata: { name }, ...(spec && { spec }), status };
      const made = ok(await api.ask('POST', path, { body: draft }));
      assert.equal(
        contains(made.status, status),
        createdWithStatus.has(plural),
        'a creator says nothing of the status',
      );

      const first = `${path}/${name}`;
      const edited = ok(await space.patch(first, { metadata: { labels: { of: 'spec' } }, spec: change, status }));
      assert.deepEqual(edited.status, made.status, 'a write of the object leaves the status');
      assert.equal(edited.metadata.labels.of, 'spec');

      const junk = { metadata: { labels: { of: 'status' } }, spec: { ...change, ...opposite(change) }, status };
      const told = ok(await space.patch(`${first}/status`, junk));
      assert.ok(contains(told.status, status), 'a write of the status writes it');
      assert.deepEqual(told.spec, edited.spec, 'a write of the status leaves the spec');
      assert.equal(told.metadata.generation, edited.metadata.generation);
      const keepsLabels = kind.statusKeepsMetadata || kind.statusKeeps?.includes('labels');
      assert.equal(told.metadata.labels.of, keepsLabels ? 'spec' : 'status');

      const put = ok(await api.ask('PUT', first, { body: { ...told, status: {} } }));
      assert.deepEqual(put.status, told.status, 'a replacement leaves the status');
      ok(await api.ask('GET', `${first}/status`));
      await api.ask('DELETE', first, { body: { gracePeriodSeconds: 0, propagationPolicy: 'Background' } });
    });
  }

  test('every kind with a status is among these', () => {
    // The server itself writes the status of these as soon as they change.
    const own = ['flowcontrol.apiserver.k8s.io/v1 flowschemas', 'apiextensions.k8s.io/v1 customresourcedefinitions'];
    const known = new Set([...Object.keys(cases), ...own]);
    const missing = kinds.filter(({ status, apiVersion, plural }) => status && !known.has(`${apiVersion} ${plural}`));
    assert.deepEqual(
      missing.map(({ plural }) => plural),
      [],
    );
  });

  test('a certificate is asked for, approved and issued by three', async () => {
    const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
    const { spec } = cases['certificates.k8s.io/v1 certificatesigningrequests']!;
    const made = ok(
      await api.ask('POST', path, { body: { metadata: { name: 'by-three', labels: { a: 'b' } }, spec } }),
    );
    // Nobody can change the spec, so nobody owns it.
    assert.deepEqual(Object.keys(made.metadata.managedFields[0].fieldsV1), ['f:metadata']);
    const edited = ok(await space.patch(`${path}/by-three`, { spec: { username: 'other', usages: ['any'] } }));
    assert.deepEqual([edited.spec.username, edited.spec.usages], ['admin', ['client auth']]);
    const approved = { type: 'Approved', status: 'True', reason: 'R', message: 'm' };
    const sly = ok(await space.patch(`${path}/by-three/status`, { status: { conditions: [approved] } }));
    assert.equal(sly.status.conditions, undefined);
    const decided = ok(
      await space.patch(`${path}/by-three/approval`, { status: { conditions: [approved], certificate: btoa('x') } }),
    );
    assert.equal(decided.status.certificate, undefined);
    assert.equal(decided.status.conditions[0].type, 'Approved');
    assert.ok(decided.status.conditions[0].lastUpdateTime);
    const undone = ok(await space.patch(`${path}/by-three/status`, { status: { conditions: [] } }));
    assert.deepEqual(undone.status.conditions, decided.status.conditions);
    await api.ask('DELETE', `${path}/by-three`);
  });

  test('an address that is told alone replaces those that there were', async () => {
    await api.ask('POST', `${space.path}/pods`, { body: { metadata: { name: 'moved' }, spec: pod } });
    for (const podIP of ['10.0.0.1', '10.0.0.2']) {
      const { status } = ok(await space.patch(`${space.path}/pods/moved/status`, { status: { podIP } }));
      assert.deepEqual([status.podIP, status.podIPs], [podIP, [{ ip: podIP }]]);
    }
    const node = { metadata: { name: 'ranged' }, spec: { podCIDR: '10.0.0.0/24' } };
    await api.ask('POST', '/api/v1/nodes', { body: node });
    const moved = await space.patch('/api/v1/nodes/ranged', { spec: { podCIDR: '10.0.1.0/24' } });
    assert.equal(
      moved.body.message,
      'Node "ranged" is invalid: spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
    );
    await api.ask('DELETE', '/api/v1/nodes/ranged');
  });
});

/** The same fields with other values. */
function opposite(change: object): object {
  return Object.fromEntries(
    Object.entries(change)
      .filter(([, value]) => typeof value === 'number' || typeof value === 'boolean')
      .map(([name, value]) => [name, typeof value === 'number' ? value + 1 : !value]),
  );
}
