import assert from 'node:assert/strict';
import { copy } from '#lib/meta/equal.ts';
import { configMap } from './config-map.ts';
import { endpoints } from './endpoints.ts';
import { event } from './event.ts';
import { eventsV1Event } from './events-v1-event.ts';
import { horizontalPodAutoscalerV1 } from './horizontal-pod-autoscaler-v1.ts';
import { horizontalPodAutoscaler } from './horizontal-pod-autoscaler.ts';
import { namespace } from './namespace.ts';
import { node } from './node.ts';
import { persistentVolumeClaim } from './persistent-volume-claim.ts';
import { persistentVolume } from './persistent-volume.ts';
import { priorityClass } from './priority-class.ts';
import { roleBinding } from './role-binding.ts';
import { secret } from './secret.ts';
import { service } from './service.ts';
import { faultsOf, made, rowOf, testNow } from './testing/objects.ts';

const context = { now: testNow, uuid: () => 'u1' };

suite('core kinds', () => {
  test('a Service defaults its ports, and shows them', () => {
    const object = made(service, { spec: { ports: [{ port: 80 }], clusterIP: '10.96.0.5' } });
    assert.deepEqual(object.spec, {
      ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
      clusterIP: '10.96.0.5',
      clusterIPs: ['10.96.0.5'],
      type: 'ClusterIP',
      sessionAffinity: 'None',
      internalTrafficPolicy: 'Cluster',
    });
    const row = rowOf(service, object);
    assert.deepEqual(
      [row['Type'], row['Cluster-IP'], row['External-IP'], row['Port(s)']],
      ['ClusterIP', '10.96.0.5', '<none>', '80/TCP'],
    );
    assert.deepEqual(faultsOf(service, object), []);
  });

  test('a Service needs ports with names of their own, and keeps its address', () => {
    const faults = (spec: object, metadata: object = {}) => faultsOf(service, made(service, { spec, metadata }));
    assert.deepEqual(faults({}), ['spec.ports: Required value']);
    assert.deepEqual(faults({ clusterIP: 'None' }), []);
    assert.deepEqual(faults({ ports: [{ port: 80 }, { port: 443, name: 'tls' }] }), [
      'spec.ports[0].name: Required value',
    ]);
    assert.deepEqual(faults({ ports: [{ port: 0 }] }), [
      'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
      'spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive',
    ]);
    assert.deepEqual(faults({ ports: [{ port: 80, nodePort: 30_080 }] }), [
      "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
    ]);
    assert.deepEqual(faults({ type: 'ExternalName' }), ['spec.externalName: Required value']);
    assert.match(
      faults({ ports: [{ port: 80 }] }, { name: '1up' })[0] ?? '',
      /^metadata.name: Invalid value: "1up": a DNS-1035 label/,
    );
    const before = made(service, { spec: { ports: [{ port: 80 }], clusterIP: '10.96.0.5' } });
    const next = made(service, { spec: { ports: [{ port: 80 }], clusterIP: '10.96.0.6' } });
    assert.match(
      faultsOf(service, next, before).join(),
      /spec.clusterIPs\[0\]: Invalid value: .*: may not change once set/,
    );
    const replaced = made(service, { spec: { ports: [{ port: 81 }] } });
    service.prepareUpdate?.(replaced, before, context);
    assert.equal(replaced.spec.clusterIP, '10.96.0.5');
    assert.deepEqual(faultsOf(service, replaced, before), []);
  });

  test('a LoadBalancer waits for its address', () => {
    const object = made(service, { spec: { type: 'LoadBalancer', ports: [{ port: 80, nodePort: 30_080 }] } });
    assert.equal(object.spec.externalTrafficPolicy, 'Cluster');
    assert.equal(object.spec.allocateLoadBalancerNodePorts, true);
    assert.equal(rowOf(service, object)['External-IP'], '<pending>');
    assert.equal(rowOf(service, object)['Port(s)'], '80:30080/TCP');
    object.status = { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } };
    assert.equal(rowOf(service, object)['External-IP'], '1.2.3.4');
  });

  test('Endpoints show three addresses and count the rest', () => {
    const addresses = ['10.0.0.1', '10.0.0.2', 'fd00::3', '10.0.0.4'].map((ip) => ({ ip }));
    const object = made(endpoints, { subsets: [{ addresses, ports: [{ port: 80 }] }] });
    assert.equal(rowOf(endpoints, object)['Endpoints'], '10.0.0.1:80,10.0.0.2:80,[fd00::3]:80 + 1 more...');
    assert.deepEqual(faultsOf(endpoints, made(endpoints, { subsets: [{ addresses: [{ ip: '127.0.0.1' }] }] })), [
      'subsets[0].addresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ]);
  });

  test('ConfigMaps and Secrets check their keys and sizes', () => {
    assert.deepEqual(faultsOf(configMap, made(configMap, { data: { 'a b': '1', '..': '2' } })), [
      "data[a b]: Invalid value: \"a b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
      'data[..]: Invalid value: "..": must not be \'..\'',
    ]);
    assert.deepEqual(faultsOf(configMap, made(configMap, { data: { a: 'x'.repeat(1024 * 1024 + 1) } })), [
      '[]: Too long: may not be more than 1048576 bytes',
    ]);
    const text = made(secret, { stringData: { password: 'grün' } });
    assert.deepEqual([text.type, text.data, text.stringData], ['Opaque', { password: 'Z3LDvG4=' }, undefined]);
    assert.deepEqual(faultsOf(secret, made(secret, { type: 'kubernetes.io/tls', data: { 'tls.crt': '' } })), [
      'data[tls.key]: Required value',
    ]);
  });

  test('immutable data stays', () => {
    const before = made(configMap, { data: { a: '1' }, immutable: true });
    const next = copy(before);
    next.data!['a'] = '2';
    assert.deepEqual(faultsOf(configMap, next, before), [
      'data: Forbidden: field is immutable when `immutable` is set',
    ]);
    delete next.immutable;
    assert.equal(faultsOf(configMap, next, before).length, 2);
  });

  test('a Namespace is born with its finalizer and the label of its name', () => {
    const object = made(namespace, { metadata: { name: 'web' } });
    namespace.prepareCreate?.(object, context);
    assert.deepEqual(object.spec.finalizers, ['kubernetes']);
    assert.deepEqual(object.metadata.labels, { 'kubernetes.io/metadata.name': 'web' });
    assert.equal(rowOf(namespace, object)['Status'], 'Active');
    assert.match(faultsOf(namespace, made(namespace, { metadata: { name: 'a.b' } }))[0] ?? '', /RFC 1123 label/);
  });

  test('a Node shows its readiness, roles and addresses', () => {
    const object = made(node, {
      metadata: { labels: { 'node-role.kubernetes.io/worker': '', 'node-role.kubernetes.io/control-plane': '' } },
      spec: { unschedulable: true, podCIDR: '10.244.0.0/24' },
      status: {
        conditions: [{ type: 'Ready', status: 'True' }],
        addresses: [{ type: 'InternalIP', address: '192.168.0.1' }],
      },
    });
    const row = rowOf(node, object);
    assert.deepEqual(
      [row['Status'], row['Roles'], row['Internal-IP']],
      ['Ready,SchedulingDisabled', 'control-plane,worker', '192.168.0.1'],
    );
    assert.deepEqual(object.spec.podCIDRs, ['10.244.0.0/24']);
    assert.equal(rowOf(node, made(node, {}))['Status'], 'Unknown');
    const taints = [
      { key: 'a', effect: 'NoSchedule' },
      { key: 'a', effect: 'NoSchedule' },
      { key: 'b', effect: 'Never' },
    ];
    assert.deepEqual(faultsOf(node, made(node, { spec: { taints } })), [
      'metadata.taints[1]: Duplicate value: core.Taint{Key:"a", Value:"", Effect:"NoSchedule", TimeAdded:<nil>}: taints must be unique by key and effect pair',
      'metadata.taints[2].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
    ]);
  });

  test('an Event reads the same in both versions', () => {
    const object = made(event, {
      involvedObject: { kind: 'Pod', name: 'web', namespace: 'default' },
      reason: 'Started',
      message: 'Started container main',
      type: 'Normal',
      count: 3,
      source: { component: 'kubelet', host: 'n1' },
      firstTimestamp: '2024-01-01T00:30:00Z',
      lastTimestamp: '2024-01-01T00:59:00Z',
    });
    assert.deepEqual(faultsOf(event, object), []);
    const row = rowOf(event, object);
    assert.deepEqual(
      [row['Last Seen'], row['Type'], row['Reason'], row['Object'], row['Source'], row['Count'], row['First Seen']],
      ['60s', 'Normal', 'Started', 'pod/web', 'kubelet, n1', 3, '30m'],
    );
    const newer = eventsV1Event.conversion!.fromStored(object);
    assert.equal(newer.note, 'Started container main');
    assert.deepEqual(newer.regarding, object.involvedObject);
    assert.equal(newer.deprecatedCount, 3);
    assert.deepEqual(rowOf(eventsV1Event, newer), row);
    assert.deepEqual(faultsOf(event, made(event, { involvedObject: { namespace: 'other' } })), [
      'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
    ]);
  });

  test('an autoscaler of the first version keeps what it has no field for', () => {
    const stored = made(horizontalPodAutoscaler, {
      spec: {
        scaleTargetRef: { kind: 'Deployment', name: 'web' },
        maxReplicas: 5,
        metrics: [
          { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
          { type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '100Mi' } } },
        ],
      },
    });
    assert.deepEqual(faultsOf(horizontalPodAutoscaler, stored), []);
    assert.equal(rowOf(horizontalPodAutoscaler, stored)['Targets'], 'cpu: <unknown>/50%, memory: <unknown>/100Mi');
    const { fromStored, toStored } = horizontalPodAutoscalerV1.conversion!;
    const older = fromStored(stored);
    assert.equal(older.spec.targetCPUUtilizationPercentage, 50);
    older.spec.maxReplicas = 9;
    const back = toStored(older) as typeof stored;
    assert.deepEqual(back.spec, { ...stored.spec, maxReplicas: 9 });
    assert.deepEqual(back.metadata.annotations, stored.metadata.annotations);
  });

  test('volumes and claims want modes and sizes, and keep them', () => {
    const volume = made(persistentVolume, {
      spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/x' } },
    });
    assert.deepEqual(faultsOf(persistentVolume, volume), []);
    assert.equal(rowOf(persistentVolume, volume)['Access Modes'], 'RWO');
    assert.deepEqual(faultsOf(persistentVolume, made(persistentVolume, { spec: {} })), [
      'spec.accessModes: Required value',
      'spec.capacity: Required value',
      'spec.capacity: Unsupported value: core.ResourceList(nil): supported values: "storage"',
      'spec: Required value: must specify a volume type',
    ]);
    const claim = made(persistentVolumeClaim, {
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    });
    assert.deepEqual(faultsOf(persistentVolumeClaim, claim), []);
    assert.deepEqual(faultsOf(persistentVolumeClaim, made(persistentVolumeClaim, { spec: {} })), [
      'spec.accessModes: Required value: at least 1 access mode is required',
      'spec.resources[storage]: Required value',
    ]);
    const bound = copy(claim);
    bound.spec.volumeName = 'pv';
    assert.deepEqual(faultsOf(persistentVolumeClaim, bound, claim), []);
    const other = copy(claim);
    other.spec.accessModes = ['ReadWriteMany'];
    assert.match(faultsOf(persistentVolumeClaim, other, bound)[0] ?? '', /spec is immutable after creation/);
  });

  test('a binding cannot be turned towards another role, nor a priority changed', () => {
    const before = made(roleBinding, { roleRef: { kind: 'Role', name: 'a' }, subjects: [{ kind: 'User', name: 'u' }] });
    assert.deepEqual(faultsOf(roleBinding, before), []);
    const next = copy(before);
    next.roleRef.name = 'b';
    assert.match(faultsOf(roleBinding, next, before)[0] ?? '', /^roleRef: Invalid value: .*: cannot change roleRef$/);
    const low = made(priorityClass, { value: 1 });
    assert.deepEqual(faultsOf(priorityClass, made(priorityClass, { value: 2 }), low), [
      'value: Forbidden: may not be changed in an update.',
    ]);
  });
});
