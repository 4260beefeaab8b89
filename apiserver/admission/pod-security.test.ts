import assert from 'node:assert/strict';
import { deployment } from '#lib/kinds/deployment.ts';
import { namespace } from '#lib/kinds/namespace.ts';
import { pod } from '#lib/kinds/pod.ts';
import { lookOf, objectOf, refusalBy, requestOf } from './fixture.ts';
import { makePodSecurity } from './pod-security.ts';

const spaceOf = (labels: Record<string, string>) =>
  objectOf(namespace, 'default', {
    metadata: { labels: Object.fromEntries(Object.entries(labels).map(([key, value]) => [`${prefix}${key}`, value])) },
  });
const podSecurity = makePodSecurity();
const prefix = 'pod-security.kubernetes.io/';
const within = (labels: Record<string, string>) => lookOf([namespace, spaceOf(labels)]);

const hardened = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
};
const podOf = (spec: object, metadata: object = {}) =>
  objectOf(pod, 'p', { metadata, spec: { containers: [{ name: 'c', image: 'i' }], ...spec } });
const containing = (securityContext: object, more: object = {}) => ({
  containers: [{ name: 'c', image: 'i', securityContext, ...more }],
});

suite('podSecurity', () => {
  test('says nothing where no label asks for it', () => {
    assert.equal(refusalBy(podSecurity, requestOf(pod, podOf({ hostNetwork: true })), within({})), '');
  });

  test('refuses a plain pod at level restricted', () => {
    assert.equal(
      refusalBy(podSecurity, requestOf(pod, podOf({})), within({ enforce: 'restricted' })),
      'pods "p" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
    );
    assert.equal(
      refusalBy(podSecurity, requestOf(pod, podOf(containing(hardened))), within({ enforce: 'restricted' })),
      '',
    );
  });

  const baseline: [title: string, object: ReturnType<typeof podOf>, detail: string][] = [
    [
      'host namespaces',
      podOf({ hostNetwork: true, hostIPC: true }),
      'host namespaces (hostNetwork=true, hostIPC=true)',
    ],
    [
      'hostPath volumes',
      podOf({
        volumes: [
          { name: 'a', hostPath: { path: '/' } },
          { name: 'b', hostPath: { path: '/' } },
        ],
      }),
      'hostPath volumes (volumes "a", "b")',
    ],
    [
      'host ports',
      podOf(containing({}, { ports: [{ hostPort: 80 }, { hostPort: 443 }] })),
      'hostPort (container "c" uses hostPorts 443, 80)',
    ],
    [
      'privileged containers',
      podOf(containing({ privileged: true })),
      'privileged (container "c" must not set securityContext.privileged=true)',
    ],
    [
      'capabilities',
      podOf(containing({ capabilities: { add: ['SYS_ADMIN', 'CHOWN', 'NET_RAW'] } })),
      'non-default capabilities (container "c" must not include "NET_RAW", "SYS_ADMIN" in securityContext.capabilities.add)',
    ],
    [
      '/proc unmasked',
      podOf(containing({ procMount: 'Unmasked' })),
      'procMount (container "c" must not set securityContext.procMount to "Unmasked")',
    ],
    [
      'seccomp profiles',
      podOf({
        securityContext: { seccompProfile: { type: 'Unconfined' } },
        ...containing({ seccompProfile: { type: 'Unconfined' } }),
      }),
      'seccompProfile (pod and container "c" must not set securityContext.seccompProfile.type to "Unconfined")',
    ],
    [
      'AppArmor profiles',
      podOf({}, { annotations: { 'container.apparmor.security.beta.kubernetes.io/c': 'unconfined' } }),
      'forbidden AppArmor profile (annotation must not set AppArmor profile type to "container.apparmor.security.beta.kubernetes.io/c="unconfined"")',
    ],
    [
      'SELinux options',
      podOf(containing({ seLinuxOptions: { type: 'spc_t', user: 'u' } })),
      'seLinuxOptions (container "c" set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set)',
    ],
    [
      'kernel settings',
      podOf({ securityContext: { sysctls: [{ name: 'kernel.msgmax' }, { name: 'kernel.shm_rmid_forced' }] } }),
      'forbidden sysctls (kernel.msgmax)',
    ],
    [
      'processes of a Windows host',
      podOf({ securityContext: { windowsOptions: { hostProcess: true } } }),
      'hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)',
    ],
  ];
  for (const [title, object, detail] of baseline) {
    test(`level baseline refuses ${title}`, () => {
      assert.equal(
        refusalBy(podSecurity, requestOf(pod, object), within({ enforce: 'baseline' })),
        `pods "p" is forbidden: violates PodSecurity "baseline:latest": ${detail}`,
      );
    });
  }

  const restricted: [title: string, object: ReturnType<typeof podOf>, detail: string][] = [
    [
      'volumes of the host in its own words',
      podOf({
        ...containing(hardened),
        volumes: [
          { name: 'v', hostPath: { path: '/' } },
          { name: 'w', emptyDir: {} },
        ],
      }),
      'restricted volume types (volume "v" uses restricted volume type "hostPath")',
    ],
    [
      'added capabilities in its own words',
      podOf(containing({ ...hardened, capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE', 'SYS_TIME'] } })),
      'unrestricted capabilities (container "c" must not include "SYS_TIME" in securityContext.capabilities.add)',
    ],
    [
      'the root user',
      podOf({ securityContext: { runAsUser: 0 }, ...containing(hardened) }),
      'runAsUser=0 (pod must not set runAsUser=0)',
    ],
    [
      'who says that it may be root',
      podOf({ ...containing({ ...hardened, runAsNonRoot: false }) }),
      'runAsNonRoot != true (container "c" must not set securityContext.runAsNonRoot=false)',
    ],
  ];
  for (const [title, object, detail] of restricted) {
    test(`level restricted refuses ${title}`, () => {
      assert.equal(
        refusalBy(podSecurity, requestOf(pod, object), within({ enforce: 'restricted' })),
        `pods "p" is forbidden: violates PodSecurity "restricted:latest": ${detail}`,
      );
    });
  }

  test('a version is the standard of its day', () => {
    const labels = { enforce: 'restricted', 'enforce-version': 'v1.7' };
    assert.equal(
      refusalBy(podSecurity, requestOf(pod, podOf({})), within(labels)),
      'pods "p" is forbidden: violates PodSecurity "restricted:v1.7": runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true)',
    );
  });

  test('warns of pods and of workloads, which are not refused', () => {
    const ofPod = requestOf(pod, podOf({ hostPID: true }));
    assert.equal(refusalBy(podSecurity, ofPod, within({ warn: 'baseline' })), '');
    assert.deepEqual(ofPod.warnings, ['would violate PodSecurity "baseline:latest": host namespaces (hostPID=true)']);
    const template = { spec: { hostPID: true, containers: [{ name: 'c' }] } };
    const ofWork = requestOf(deployment, objectOf(deployment, 'd', { spec: { template } }));
    assert.equal(refusalBy(podSecurity, ofWork, within({ enforce: 'baseline', warn: 'baseline' })), '');
    assert.deepEqual(ofWork.warnings, ofPod.warnings);
  });

  test('warns of what is enforced where nothing is said of warnings, as templates are not refused', () => {
    const template = { spec: { hostPID: true, containers: [{ name: 'c' }] } };
    const warned = (labels: Record<string, string>) => {
      const request = requestOf(deployment, objectOf(deployment, 'd', { spec: { template } }));
      assert.equal(refusalBy(podSecurity, request, within(labels)), '');
      return request.warnings;
    };
    const violation = (standard: string) => [`would violate PodSecurity "${standard}": host namespaces (hostPID=true)`];
    assert.deepEqual(warned({ enforce: 'baseline' }), violation('baseline:latest'));
    assert.deepEqual(warned({ enforce: 'baseline', 'enforce-version': 'v1.20' }), violation('baseline:v1.20'));
    assert.deepEqual(
      warned({ enforce: 'baseline', 'enforce-version': 'v1.20', 'warn-version': 'v1.21' }),
      violation('baseline:v1.21'),
    );
    assert.deepEqual(warned({ enforce: 'baseline', warn: 'privileged' }), []);
    assert.deepEqual(warned({ enforce: 'tight' }), []);
  });

  test('tells the audit log what it was held to, and what would be refused', () => {
    const noted = (object: ReturnType<typeof podOf>, labels: Record<string, string>, plugin = podSecurity) => {
      const notes: Record<string, string> = {};
      const request = requestOf(pod, object, { annotate: (key, value) => (notes[key.replace(prefix, '')] = value) });
      refusalBy(plugin, request, within(labels));
      return notes;
    };
    assert.deepEqual(noted(podOf({}), {}), { 'enforce-policy': 'privileged:latest' });
    assert.deepEqual(
      noted(podOf({ hostPID: true }), { enforce: 'baseline', audit: 'baseline', 'audit-version': 'v1.20' }),
      {
        'enforce-policy': 'baseline:latest',
        'audit-violations': 'would violate PodSecurity "baseline:v1.20": host namespaces (hostPID=true)',
      },
    );
    assert.match(
      noted(podOf({}), { audit: 'tight' })['error']!,
      /^Failed to parse policy: .*must be one of privileged, baseline, restricted$/,
    );
    const exempting = makePodSecurity({ exemptions: { usernames: ['admin'] } });
    assert.deepEqual(noted(podOf({ hostPID: true }), { enforce: 'baseline' }, exempting), { exempt: 'user' });
  });

  test('lets pass what the administrator exempts, and holds namespaces without labels to the defaults', () => {
    const bad = () => podOf({ hostPID: true, runtimeClassName: 'vm' });
    const refused = (options: Parameters<typeof makePodSecurity>[0], labels: Record<string, string>) =>
      refusalBy(makePodSecurity(options), requestOf(pod, bad()), within(labels)) !== '';
    const enforced = { enforce: 'baseline' };
    assert.equal(refused({}, enforced), true);
    assert.equal(refused({ exemptions: { usernames: ['admin'] } }, enforced), false);
    assert.equal(refused({ exemptions: { namespaces: ['default'] } }, enforced), false);
    assert.equal(refused({ exemptions: { runtimeClasses: ['vm'] } }, enforced), false);
    assert.equal(
      refused({ exemptions: { usernames: ['x'], namespaces: ['x'], runtimeClasses: ['x'] } }, enforced),
      true,
    );
    const defaults = { [`${prefix}enforce`]: 'baseline' };
    assert.equal(refused({ defaults }, {}), true);
    assert.equal(refused({ defaults }, { warn: 'restricted' }), true);
    assert.equal(refused({ defaults }, { enforce: 'privileged' }), false);
    assert.throws(
      () => makePodSecurity({ defaults: { [`${prefix}enforce`]: 'tight' } }),
      /Cannot run PodSecurity: .*tight/,
    );
  });

  test('looks at updates that change an image, and at no others', () => {
    const look = within({ enforce: 'baseline' });
    const [before, now] = [podOf({ hostPID: true }), podOf({ hostPID: true })];
    assert.equal(refusalBy(podSecurity, requestOf(pod, now, { before }), look), '');
    now['spec'].containers[0].image = 'other';
    assert.match(refusalBy(podSecurity, requestOf(pod, now, { before }), look), /violates PodSecurity/);
    assert.equal(refusalBy(podSecurity, requestOf(pod, now, { before, subresource: 'status' }), look), '');
  });

  test('holds what cannot be read against pods, and refuses such labels', () => {
    const bad = { enforce: 'tight', 'enforce-version': '1.2' };
    assert.match(refusalBy(podSecurity, requestOf(pod, podOf({})), within(bad)), /PodSecurity "restricted:latest"/);
    assert.equal(
      refusalBy(podSecurity, requestOf(namespace, spaceOf(bad))),
      `Namespace "default" is invalid: [metadata.labels[${prefix}enforce]: Invalid value: "tight": must be one of privileged, baseline, restricted, metadata.labels[${prefix}enforce-version]: Invalid value: "1.2": must be "latest" or "v1.x"]`,
    );
  });

  test('tells which pods a stricter level would refuse', () => {
    const running = (name: string, spec: object) =>
      objectOf(pod, name, { spec: { containers: [{ name: 'c' }], ...spec } });
    const look = lookOf(
      [pod, running('a', { hostPID: true })],
      [pod, running('b', { hostPID: true })],
      [pod, running('c', {})],
    );
    const change = (from: string, to: string) => {
      const request = requestOf(namespace, spaceOf({ enforce: to }), { before: spaceOf({ enforce: from }) });
      assert.equal(refusalBy(podSecurity, request, look), '');
      return request.warnings;
    };
    assert.deepEqual(change('privileged', 'baseline'), [
      'existing pods in namespace "default" violate the new PodSecurity enforce level "baseline:latest"',
      'a (and 1 other pod): host namespaces',
    ]);
    assert.deepEqual(change('restricted', 'baseline'), []);
  });
});
