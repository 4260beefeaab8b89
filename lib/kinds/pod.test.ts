import assert from 'node:assert/strict';
import { copy } from '#lib/meta/equal.ts';
import type { Pod } from './gen/core-v1.ts';
import { pod } from './pod.ts';
import { faultsOf, made, testNow } from './testing/objects.ts';

const context = { now: testNow, uuid: () => 'u1' };

const podWith = (spec: object, container: object = {}): Pod =>
  made(pod, { spec: { containers: [{ name: 'main', image: 'nginx', ...container }], ...spec } });

suite('pod', () => {
  test("defaults are upstream's", () => {
    const { spec } = podWith(
      { volumes: [{ name: 'none' }, { name: 'config', configMap: { name: 'c' } }] },
      {
        ports: [{ containerPort: 80 }],
        livenessProbe: { httpGet: { port: 80 } },
        env: [{ name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
        resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } },
      },
    );
    assert.deepEqual(spec, {
      containers: [
        {
          name: 'main',
          image: 'nginx',
          ports: [{ containerPort: 80, protocol: 'TCP' }],
          livenessProbe: {
            httpGet: { port: 80, path: '/', scheme: 'HTTP' },
            timeoutSeconds: 1,
            periodSeconds: 10,
            successThreshold: 1,
            failureThreshold: 3,
          },
          env: [{ name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name', apiVersion: 'v1' } } }],
          resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m', memory: '1Gi' } },
          imagePullPolicy: 'Always',
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
        },
      ],
      volumes: [
        { name: 'none', emptyDir: {} },
        { name: 'config', configMap: { name: 'c', defaultMode: 0o644 } },
      ],
      dnsPolicy: 'ClusterFirst',
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      schedulerName: 'default-scheduler',
      securityContext: {},
      enableServiceLinks: true,
    });
  });

  test("the pull policy follows the image's tag", () => {
    const policies: Record<string, string> = {
      nginx: 'Always',
      'nginx:latest': 'Always',
      'nginx:1.27': 'IfNotPresent',
      'registry:5000/nginx': 'Always',
      [`nginx@sha256:${'0'.repeat(64)}`]: 'IfNotPresent',
    };
    for (const [image, policy] of Object.entries(policies)) {
      assert.equal(podWith({}, { image }).spec.containers[0]?.imagePullPolicy, policy, image);
    }
  });

  test('on creation a pod is Pending, with its quality of service, and gated pods say so', () => {
    const plain = podWith({});
    pod.prepareCreate?.(plain, context);
    assert.deepEqual(plain.status, { phase: 'Pending', qosClass: 'BestEffort' });
    const gated = podWith(
      { schedulingGates: [{ name: 'example.com/wait' }] },
      { resources: { limits: { cpu: 1, memory: '1Gi' } } },
    );
    pod.prepareCreate?.(gated, context);
    assert.equal(gated.status?.qosClass, 'Guaranteed');
    assert.equal(gated.status?.conditions?.[0]?.reason, 'SchedulingGated');
  });

  test('a deletion gives a running pod its grace, and a pod nothing runs of none', () => {
    const running = podWith({ nodeName: 'n1' });
    assert.equal(pod.graceSeconds?.(running, undefined), 30);
    assert.equal(pod.graceSeconds?.(running, 5), 5);
    assert.equal(pod.graceSeconds?.(running, 0), 0);
    assert.equal(pod.graceSeconds?.(podWith({}), 30), 0);
    assert.equal(pod.graceSeconds?.({ ...running, status: { phase: 'Succeeded' } }, 30), 0);
  });

  const cases: [what: string, spec: object, container: object, faults: string[]][] = [
    ['nothing', {}, {}, []],
    ['no containers', { containers: [] }, {}, ['spec.containers: Required value']],
    ['a container without a name', {}, { name: '' }, ['spec.containers[0].name: Required value']],
    ['a container without an image', {}, { image: '' }, ['spec.containers[0].image: Required value']],
    [
      'two containers of a name',
      {
        containers: [
          { name: 'a', image: 'x' },
          { name: 'a', image: 'x' },
        ],
      },
      {},
      ['spec.containers[1].name: Duplicate value: "a"'],
    ],
    [
      'a port out of range',
      {},
      { ports: [{ containerPort: 70_000 }, { name: 'Bad_Name', containerPort: 80 }] },
      [
        'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
        'spec.containers[0].ports[1].name: Invalid value: "Bad_Name": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
      ],
    ],
    [
      'a mount of no volume, and two mounts at one path',
      { volumes: [{ name: 'v' }] },
      {
        volumeMounts: [
          { name: 'w', mountPath: '/a' },
          { name: 'v', mountPath: '/a' },
          { name: 'v', mountPath: '/b', subPath: '../c' },
        ],
      },
      [
        'spec.containers[0].volumeMounts[0].name: Not found: "w"',
        'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/a": must be unique',
        'spec.containers[0].volumeMounts.subPath: Invalid value: "../c": must not contain \'..\'',
      ],
    ],
    [
      'requests above limits',
      {},
      { resources: { requests: { cpu: '2', memory: '-1' }, limits: { cpu: '1' } } },
      [
        'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
        'spec.containers[0].resources.requests[memory]: Invalid value: "-1": must be greater than or equal to 0',
      ],
    ],
    [
      'a device asked for without a limit',
      {},
      { resources: { requests: { 'example.com/gpu': 1 } } },
      ['spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources'],
    ],
    [
      'a probe of two sorts that must succeed twice',
      {},
      { livenessProbe: { exec: { command: ['a'] }, tcpSocket: { port: 1 }, successThreshold: 2 } },
      [
        'spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type',
        'spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1',
      ],
    ],
    [
      'unknown policies',
      { restartPolicy: 'Sometimes', dnsPolicy: 'Maybe' },
      {},
      [
        'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
        'spec.dnsPolicy: Unsupported value: "Maybe": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"',
      ],
    ],
    [
      'environment from two sources, and from an unknown field',
      {},
      {
        env: [
          { name: 'A', value: 'x', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
          { name: 'B', valueFrom: { fieldRef: { fieldPath: 'spec.colour' } } },
          { name: 'C=D' },
        ],
      },
      [
        'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
        'spec.containers[0].env[1].valueFrom.fieldRef.fieldPath: Invalid value: "spec.colour": error converting fieldPath: field label not supported: spec.colour',
        'spec.containers[0].env[2].name: Invalid value: "C=D": a valid environment variable name must consist only of printable ASCII characters other than \'=\'',
      ],
    ],
    [
      'a toleration for everything that is not one',
      { tolerations: [{ operator: 'Equal' }, { operator: 'Exists', value: 'x', key: 'k' }] },
      {},
      [
        'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
        'spec.tolerations[1].operator: Invalid value: core.Toleration{Key:"k", Operator:"Exists", Value:"x", Effect:"", TolerationSeconds:(*int64)(nil)}: value must be empty when `operator` is \'Exists\'',
      ],
    ],
    [
      'a volume of two sources, and one without its path',
      {
        volumes: [
          { name: 'a', emptyDir: {}, hostPath: { path: '/x' } },
          { name: 'b', hostPath: {} },
        ],
      },
      {},
      [
        'spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type',
        'spec.volumes[1].hostPath.path: Required value',
      ],
    ],
    [
      'ephemeral containers from the start',
      { ephemeralContainers: [{ name: 'debug', image: 'x' }] },
      {},
      ['spec.ephemeralContainers: Forbidden: cannot be set on create'],
    ],
    [
      'init containers with probes',
      { initContainers: [{ name: 'i', image: 'x', readinessProbe: { tcpSocket: { port: 1 } } }] },
      {},
      [
        'spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
      ],
    ],
    [
      'the processes of pod and host at once',
      { hostPID: true, shareProcessNamespace: true },
      {},
      [
        'spec.securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled',
      ],
    ],
  ];
  for (const [what, spec, container, faults] of cases) {
    test(`check() finds what is wrong with ${what}`, () => {
      assert.deepEqual(faultsOf(pod, podWith(spec, container)), faults);
    });
  }

  test('an update may change images and little else', () => {
    const before = podWith({ tolerations: [{ key: 'a', operator: 'Exists' }], activeDeadlineSeconds: 100 });
    const change = (edit: (next: Pod) => void) => {
      const next = copy(before);
      edit(next);
      return faultsOf(pod, next, before);
    };
    const main = (next: Pod) => next.spec.containers[0]!;
    assert.deepEqual(
      change((next) => (main(next).image = 'nginx:2')),
      [],
    );
    assert.deepEqual(
      change((next) => next.spec.tolerations?.push({ key: 'b', operator: 'Exists' })),
      [],
    );
    assert.deepEqual(
      change((next) => (next.spec.activeDeadlineSeconds = 50)),
      [],
    );
    assert.deepEqual(
      change((next) => (next.metadata.labels = { a: 'b' })),
      [],
    );
    assert.match(
      change((next) => (main(next).command = ['x']))[0] ?? '',
      /^spec: Forbidden: pod updates may not change fields other than/,
    );
    assert.deepEqual(
      change((next) => (next.spec.tolerations = [])),
      ['spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds'],
    );
    assert.deepEqual(
      change((next) => next.spec.containers.push({ ...main(next), name: 'b' })),
      ['spec.containers: Forbidden: pod updates may not add or remove containers'],
    );
    assert.deepEqual(
      change((next) => (next.spec.activeDeadlineSeconds = 200)),
      ['spec.activeDeadlineSeconds: Invalid value: 200: must be less than or equal to previous value'],
    );
    assert.deepEqual(
      change((next) => (next.metadata.name = 'other')),
      ['metadata.name: Invalid value: "other": field is immutable'],
    );
  });

  test('ephemeral containers can be added to a running pod, and stay as they are', () => {
    const before = podWith({ ephemeralContainers: [{ name: 'one', image: 'x', targetContainerName: 'main' }] });
    const faults = (containers: object[]) => {
      const next = made(pod, { spec: { ...before.spec, ephemeralContainers: containers } });
      return pod.checkSubresource?.('ephemeralcontainers', next, before).map(({ message }) => message);
    };
    const [one] = before.spec.ephemeralContainers!;
    assert.deepEqual(faults([one!, { name: 'two', image: 'y' }]), []);
    assert.deepEqual(faults([]), ['Forbidden: existing ephemeral containers "one" may not be removed\n']);
    assert.match(
      faults([{ ...one, image: 'z' }])![0]!,
      /^Forbidden: existing ephemeral containers "one" may not be changed\n.*-.*"x",\n\+.*"z",\n/s,
    );
    assert.deepEqual(faults([one!, { name: 'main', image: 'y' }]), ['Duplicate value: "main"']);
    assert.deepEqual(faults([one!, { name: 'two', image: 'y', targetContainerName: 'nobody' }]), [
      'Not found: "nobody"',
    ]);
  });

  test('a resize may change cpu and memory of main containers and sidecars alone', () => {
    const amounts = (cpu: string, more: object = {}) => ({ requests: { cpu, ...more } });
    const podOf = (side: object, init: object, main: object) =>
      podWith({
        initContainers: [
          { name: 'side', image: 'x', restartPolicy: 'Always', resources: side },
          { name: 'init', image: 'x', resources: init },
        ],
        containers: [{ name: 'main', image: 'x', resources: main }],
      });
    const before = podOf(amounts('1'), amounts('100m'), amounts('1'));
    const faults = (next: typeof before) =>
      pod.checkSubresource?.('resize', next, before).map(({ field, message }) => `${field}: ${message}`);
    assert.deepEqual(faults(podOf(amounts('2'), amounts('0.1'), amounts('3', { memory: '1Mi' }))), []);
    assert.deepEqual(faults(podOf(amounts('1'), amounts('200m'), amounts('1'))), [
      'spec: Forbidden: resources for non-sidecar init containers are immutable',
    ]);
    const storage = { 'ephemeral-storage': '1Gi' };
    assert.deepEqual(faults(podOf(amounts('1', storage), amounts('100m'), amounts('1', storage))), [
      'spec: Forbidden: only cpu and memory resources are mutable',
      'spec: Forbidden: only cpu and memory resources for sidecar containers are mutable',
    ]);
    const guaranteed = { limits: { cpu: '1', memory: '1Mi' } };
    assert.deepEqual(faults(podOf(guaranteed, amounts('100m'), amounts('1'))), []);
    assert.deepEqual(faults(podOf({}, amounts('100m'), {})), [
      'spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed',
      'spec.initContainers[0].resources.requests: Forbidden: resource requests cannot be removed',
    ]);
    assert.deepEqual(
      pod.checkSubresource?.('resize', podWith({}), podOf({}, {}, {})).map(({ message }) => message),
      ['Forbidden: containers may not be added or removed on resize'],
    );
    const mirrored = podWith({});
    mirrored.metadata.annotations = { 'kubernetes.io/config.mirror': 'x' };
    assert.deepEqual(
      pod.checkSubresource?.('resize', podWith({}), mirrored).at(-1)?.message,
      'Forbidden: static pods cannot be resized',
    );
    const small = { limits: { cpu: '1' }, requests: { cpu: '2' } };
    assert.deepEqual(faults(podOf(small, amounts('100m'), amounts('1'))), [
      'spec.initContainers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
    ]);
  });

  test('a terminated container of a pod that never restarts stays terminated', () => {
    const before = podWith({ restartPolicy: 'Never' });
    const status = (state: object) => [{ name: 'main', state, ready: false, restartCount: 0, image: '', imageID: '' }];
    before.status = { containerStatuses: status({ terminated: { exitCode: 1 } }) };
    const next = { ...before, status: { containerStatuses: status({ running: {} }) } };
    assert.deepEqual(
      pod.checkStatus?.(next, before).map(({ field }) => field),
      ['status.containerStatuses[0].state'],
    );
    assert.deepEqual(pod.checkStatus?.(before, before), []);
  });
});
