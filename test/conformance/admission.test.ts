/** What the server completes and refuses before it stores, plugin by plugin in upstream's order. */
import assert from 'node:assert/strict';
import type { Answer, TestApi } from '../harness/api.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

suite('admission', () => {
  let space: Space;
  let api: TestApi;

  suiteSetup(async () => {
    space = await makeSpace('admission');
    ({ api } = space);
  });

  const post = (path: string, body: object, headers: Record<string, string> = {}) =>
    api.ask('POST', path, { body, headers });
  const must = async (method: string, path: string, body?: object, headers: Record<string, string> = {}) => {
    const answer = await api.ask(method, path, { body, headers });
    assert.ok(answer.code < 300, JSON.stringify(answer.body));
    return answer.body;
  };
  const merge = (path: string, body: object, headers: Record<string, string> = {}) =>
    api.ask('PATCH', path, { body, headers: { 'content-type': 'application/merge-patch+json', ...headers } });
  const told = ({ code, body }: Answer) => [code, body.reason, body.message];
  const forbidden = (message: string) => [403, 'Forbidden', message];
  /** Node joins headers of one name. */
  const warnings = ({ headers }: Answer) =>
    [...String(headers['warning'] ?? '').matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)].map(([, text]) =>
      text!.replaceAll('\\"', '"'),
    );
  const pods = () => `${space.path}/pods`;
  const podOf = (name: string, spec: object = {}, metadata: object = {}) => ({
    metadata: { name, ...metadata },
    spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
  });
  /** A namespace with its default account, and what else the test needs. */
  const makeNamespace = async (name: string, labels: object = {}) => {
    await must('POST', '/api/v1/namespaces', { metadata: { name, labels } });
    await must('POST', `/api/v1/namespaces/${name}/serviceaccounts`, { metadata: { name: 'default' } });
    return `/api/v1/namespaces/${name}`;
  };
  const asNode = { 'impersonate-user': 'system:node:kept', 'impersonate-group': 'system:nodes' };

  test('NamespaceLifecycle: nothing is made where there is nothing, or where all is being taken down', async () => {
    assert.deepEqual(told(await post('/api/v1/namespaces/none/configmaps', { metadata: { name: 'x' } })), [
      404,
      'NotFound',
      'namespaces "none" not found',
    ]);
    const path = await makeNamespace('ending');
    await must('POST', `${path}/configmaps`, { metadata: { name: 'there' } });
    await must('DELETE', path);
    const { code, body } = await post(`${path}/configmaps`, { metadata: { name: 'late' } });
    assert.deepEqual(
      [code, body.message, body.details],
      [
        403,
        'configmaps "late" is forbidden: unable to create new content in namespace ending because it is being terminated',
        {
          name: 'late',
          kind: 'configmaps',
          causes: [
            {
              reason: 'NamespaceTerminating',
              message: 'namespace ending is being terminated',
              field: 'metadata.namespace',
            },
          ],
        },
      ],
    );
    assert.equal((await merge(`${path}/configmaps/there`, { data: { a: 'b' } })).code, 200, 'what is there may change');
    for (const name of ['default', 'kube-system', 'kube-public'])
      assert.deepEqual(
        told(await api.ask('DELETE', `/api/v1/namespaces/${name}`)),
        forbidden(`namespaces "${name}" is forbidden: this namespace may not be deleted`),
      );
  });

  test('LimitRanger: amounts are filled in, said so, and held', async () => {
    const path = await makeNamespace('limits');
    await must('POST', `${path}/limitranges`, {
      metadata: { name: 'l' },
      spec: {
        limits: [
          {
            type: 'Container',
            default: { cpu: '500m' },
            defaultRequest: { cpu: '100m' },
            max: { cpu: '1' },
            min: { cpu: '50m' },
          },
          { type: 'PersistentVolumeClaim', max: { storage: '2Gi' } },
        ],
      },
    });
    const made = await must('POST', `${path}/pods`, podOf('plain'));
    assert.deepEqual(made.spec.containers[0].resources, { limits: { cpu: '500m' }, requests: { cpu: '100m' } });
    assert.equal(
      made.metadata.annotations['kubernetes.io/limit-ranger'],
      'LimitRanger plugin set: cpu request for container c; cpu limit for container c',
    );
    const container = (limits: object, requests: object = limits) => ({
      containers: [{ name: 'c', image: 'i', resources: { limits, requests } }],
    });
    assert.deepEqual(
      told(await post(`${path}/pods`, podOf('big', container({ cpu: '2' })))),
      forbidden('pods "big" is forbidden: maximum cpu usage per Container is 1, but limit is 2'),
    );
    assert.deepEqual(
      told(await post(`${path}/pods`, podOf('small', container({ cpu: '10m' })))),
      forbidden('pods "small" is forbidden: minimum cpu usage per Container is 50m, but request is 10m'),
    );
    const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '3Gi' } } };
    assert.deepEqual(
      told(await post(`${path}/persistentvolumeclaims`, { metadata: { name: 'big' }, spec: claim })),
      forbidden(
        'persistentvolumeclaims "big" is forbidden: maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi',
      ),
    );
  });

  test('ServiceAccount: the account must be there, and may hold its pods to its Secrets', async () => {
    assert.deepEqual(
      told(await post(pods(), podOf('lost', { serviceAccountName: 'none' }))),
      forbidden(
        `pods "lost" is forbidden: error looking up service account ${space.name}/none: serviceaccount "none" not found`,
      ),
    );
    // The name is made up only after the first half of admission.
    const unnamed = { ...podOf(''), metadata: { generateName: 'lost-' } };
    assert.match(
      (await post(pods(), { ...unnamed, spec: { ...unnamed.spec, serviceAccountName: 'none' } })).body.message,
      /^pods "lost-" is forbidden: error looking up service account/,
    );
    assert.match(
      (await post(pods(), { spec: { ...unnamed.spec, serviceAccountName: 'none' } })).body.message,
      /^pods "Unknown" is forbidden: error looking up service account/,
    );
    await must('POST', `${space.path}/serviceaccounts`, {
      metadata: { name: 'strict', annotations: { 'kubernetes.io/enforce-mountable-secrets': 'true' } },
    });
    const volumes = [{ name: 'v', secret: { secretName: 's' } }];
    assert.deepEqual(
      told(await post(pods(), podOf('curious', { serviceAccountName: 'strict', volumes }))),
      forbidden(
        'pods "curious" is forbidden: volume with secret.secretName="s" is not allowed because service account strict does not reference that secret',
      ),
    );
  });

  test('NodeRestriction: an agent speaks for its own node', async () => {
    await must('POST', '/api/v1/nodes', { metadata: { name: 'kept' } });
    const patch = (path: string, body: object) => merge(path, body, asNode);
    const own = '/api/v1/nodes/kept';
    const refused = (what: string) =>
      forbidden(`nodes "kept" is forbidden: node "kept" is not allowed to modify ${what}`);
    assert.equal((await patch(own, { metadata: { labels: { 'node.kubernetes.io/own': 'x', mine: 'y' } } })).code, 200);
    assert.deepEqual(
      told(
        await patch(own, {
          metadata: { labels: { 'kubernetes.io/trusted': 'x', 'node-restriction.kubernetes.io/y': 'z' } },
        }),
      ),
      refused('labels: kubernetes.io/trusted, node-restriction.kubernetes.io/y'),
    );
    assert.deepEqual(told(await patch(own, { spec: { taints: [] } })), refused('taints'));
    const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'u' };
    assert.deepEqual(told(await patch(own, { metadata: { ownerReferences: [owner] } })), refused('ownerReferences'));
    assert.deepEqual(
      told(await post('/api/v1/nodes', { metadata: { name: 'another' } }, asNode)),
      forbidden('nodes "another" is forbidden: node "kept" is not allowed to modify node "another"'),
    );
    assert.deepEqual(
      told(await post(pods(), podOf('mine', { nodeName: 'kept' }), asNode)),
      forbidden(
        'pods "mine" is forbidden: pod does not have "kubernetes.io/config.mirror" annotation, node "kept" can only create mirror pods',
      ),
    );
    await must('POST', pods(), podOf('elsewhere', { nodeName: 'other' }));
    assert.deepEqual(
      told(await patch(`${pods()}/elsewhere/status`, { status: { phase: 'Running' } })),
      forbidden(
        'pods "elsewhere" is forbidden: node "kept" can only update pod status for pods with spec.nodeName set to itself',
      ),
    );
    assert.deepEqual(
      told(await api.ask('DELETE', `${pods()}/elsewhere`, { headers: asNode })),
      forbidden('pods "elsewhere" is forbidden: node "kept" can only delete pods with spec.nodeName set to itself'),
    );
  });

  test('PodSecurity: pods are refused or warned of, and so is whoever tightens the rule', async () => {
    const label = (mode: string) => `pod-security.kubernetes.io/${mode}`;
    const path = await makeNamespace('secured');
    await must('POST', `${path}/pods`, podOf('early', { hostNetwork: true }));
    await must('POST', `${path}/pods`, podOf('early-too', { hostNetwork: true }));
    const tightened = await merge(path, {
      metadata: { labels: { [label('enforce')]: 'baseline', [label('warn')]: 'restricted' } },
    });
    assert.deepEqual(warnings(tightened), [
      'existing pods in namespace "secured" violate the new PodSecurity enforce level "baseline:latest"',
      'early (and 1 other pod): host namespaces',
    ]);
    const violation = 'violate PodSecurity "baseline:latest": host namespaces (hostNetwork=true)';
    const refused = await post(`${path}/pods`, podOf('late', { hostNetwork: true }));
    assert.deepEqual(told(refused), forbidden(`pods "late" is forbidden: ${violation.replace('violate', 'violates')}`));
    assert.deepEqual(warnings(refused), []);
    const unnamed = { ...podOf('', { hostNetwork: true }), metadata: { generateName: 'late-' } };
    assert.match(
      (await post(`${path}/pods`, unnamed)).body.message,
      /^pods "late-\w{5}" is forbidden: violates PodSecurity/,
    );
    const template = { metadata: { labels: { a: 'b' } }, spec: podOf('', { hostNetwork: true }).spec };
    const made = await post('/apis/apps/v1/namespaces/secured/deployments', {
      metadata: { name: 'd' },
      spec: { selector: { matchLabels: { a: 'b' } }, template },
    });
    assert.equal(made.code, 201);
    assert.match(
      warnings(made)[0]!,
      /^would violate PodSecurity "restricted:latest": host namespaces \(hostNetwork=true\), allowPrivilegeEscalation != false/,
    );
    assert.deepEqual(told(await merge(path, { metadata: { labels: { [label('enforce')]: 'tight' } } })).slice(0, 2), [
      422,
      'Invalid',
    ]);
    // A dry run is judged like any other.
    assert.equal((await post(`${path}/pods?dryRun=All`, podOf('late', { hostNetwork: true }))).code, 403);
  });

  test('Priority: classes become numbers, which nobody else may give', async () => {
    const classes = '/apis/scheduling.k8s.io/v1/priorityclasses';
    await must('POST', classes, { metadata: { name: 'urgent' }, value: 1000, preemptionPolicy: 'Never' });
    const made = await must('POST', pods(), podOf('urgent', { priorityClassName: 'urgent' }));
    assert.deepEqual([made.spec.priority, made.spec.preemptionPolicy], [1000, 'Never']);
    const system = await must('POST', pods(), podOf('critical', { priorityClassName: 'system-node-critical' }));
    assert.equal(system.spec.priority, 2_000_001_000);
    const computed = 'must not be provided in pod spec; priority admission controller computed';
    assert.deepEqual(
      told(await post(pods(), podOf('x', { priorityClassName: 'none' }))),
      forbidden('pods "x" is forbidden: no PriorityClass with name none was found'),
    );
    assert.deepEqual(
      told(await post(pods(), podOf('x', { priority: 7 }))),
      forbidden(
        `pods "x" is forbidden: the integer value of priority (7) ${computed} 0 from the given PriorityClass name`,
      ),
    );
    assert.deepEqual(
      told(await post(pods(), podOf('x', { priorityClassName: 'urgent', preemptionPolicy: 'PreemptLowerPriority' }))),
      forbidden(
        `pods "x" is forbidden: the string value of PreemptionPolicy (PreemptLowerPriority) ${computed} Never from the given PriorityClass name`,
      ),
    );
    await must('DELETE', `${classes}/urgent`);
  });

  test('DefaultTolerationSeconds: pods bear an ailing node for five minutes, or as long as they say', async () => {
    const [notReady, unreachable] = ['not-ready', 'unreachable'].map((name) => `node.kubernetes.io/${name}`);
    const usual = { operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 };
    const plain = await must('POST', pods(), podOf('patient'));
    assert.deepEqual(plain.spec.tolerations, [
      { key: notReady, ...usual },
      { key: unreachable, ...usual },
    ]);
    const own = { key: notReady, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 };
    const hasty = await must('POST', pods(), podOf('hasty', { tolerations: [own] }));
    assert.deepEqual(hasty.spec.tolerations, [own, { key: unreachable, ...usual }]);
    const any = await must('POST', pods(), podOf('bears-all', { tolerations: [{ operator: 'Exists' }] }));
    assert.deepEqual(any.spec.tolerations, [{ operator: 'Exists' }]);
  });

  test('TaintNodesByCondition, DefaultStorageClass, StorageObjectInUseProtection, DefaultIngressClass complete what is made', async () => {
    const node = await must('POST', '/api/v1/nodes', { metadata: { name: 'tainted' } });
    assert.deepEqual(node.spec.taints, [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }]);
    const resources = { requests: { storage: '1Gi' } };
    const claims = `${space.path}/persistentvolumeclaims`;
    const claim = await must('POST', claims, {
      metadata: { name: 'plain' },
      spec: { accessModes: ['ReadWriteOnce'], resources },
    });
    assert.deepEqual(
      [claim.spec.storageClassName, claim.metadata.finalizers],
      ['folder', ['kubernetes.io/pvc-protection']],
    );
    const none = await must('POST', claims, {
      metadata: { name: 'none' },
      spec: { accessModes: ['ReadWriteOnce'], resources, storageClassName: '' },
    });
    assert.equal(none.spec.storageClassName, '');
    const volume = await must('POST', '/api/v1/persistentvolumes', {
      metadata: { name: 'protected' },
      spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/x' } },
    });
    assert.deepEqual(volume.metadata.finalizers, ['kubernetes.io/pv-protection']);
    const group = '/apis/networking.k8s.io/v1';
    const annotations = { 'ingressclass.kubernetes.io/is-default-class': 'true' };
    await must('POST', `${group}/ingressclasses`, {
      metadata: { name: 'usual', annotations },
      spec: { controller: 'a.b/c' },
    });
    const backend = { service: { name: 's', port: { number: 80 } } };
    const ingress = await must('POST', `${group}/namespaces/${space.name}/ingresses`, {
      metadata: { name: 'i' },
      spec: { defaultBackend: backend },
    });
    assert.equal(ingress.spec.ingressClassName, 'usual');
    await must('DELETE', `${group}/ingressclasses/usual`);
  });

  test('PersistentVolumeClaimResize: a claim grows once it is bound, where its class lets it', async () => {
    const classes = '/apis/storage.k8s.io/v1/storageclasses';
    for (const [name, allowVolumeExpansion] of [
      ['grows', true],
      ['stays', false],
    ] as const)
      await must('POST', classes, { metadata: { name }, provisioner: 'x', allowVolumeExpansion });
    const claims = `${space.path}/persistentvolumeclaims`;
    const grow = (name: string) =>
      merge(`${claims}/${name}`, { spec: { resources: { requests: { storage: '2Gi' } } } });
    for (const storageClassName of ['grows', 'stays'])
      await must('POST', claims, {
        metadata: { name: storageClassName },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, storageClassName },
      });
    const unbound = await grow('grows');
    assert.equal(unbound.code, 422, JSON.stringify(unbound.body));
    for (const name of ['grows', 'stays']) {
      const { spec } = await must('GET', `${claims}/${name}`);
      await must('PUT', `${claims}/${name}`, { metadata: { name }, spec: { ...spec, volumeName: 'v' } });
      assert.equal((await merge(`${claims}/${name}/status`, { status: { phase: 'Bound' } })).code, 200);
    }
    assert.equal((await grow('grows')).code, 200);
    assert.deepEqual(
      told(await grow('stays')),
      forbidden(
        'persistentvolumeclaims "stays" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
      ),
    );
  });

  test('RuntimeClass: what running the pod costs, and where that is possible', async () => {
    const classes = '/apis/node.k8s.io/v1/runtimeclasses';
    await must('POST', classes, {
      metadata: { name: 'heavy' },
      handler: 'h',
      overhead: { podFixed: { cpu: '250m' } },
      scheduling: { nodeSelector: { kind: 'vm' }, tolerations: [{ key: 'vm', operator: 'Exists' }] },
    });
    const made = await must('POST', pods(), podOf('heavy', { runtimeClassName: 'heavy', nodeSelector: { a: 'b' } }));
    assert.deepEqual([made.spec.overhead, made.spec.nodeSelector], [{ cpu: '250m' }, { a: 'b', kind: 'vm' }]);
    assert.ok(made.spec.tolerations.some(({ key }: { key: string }) => key === 'vm'));
    const refused: [spec: object, because: string][] = [
      [{ runtimeClassName: 'none' }, 'pod rejected: RuntimeClass "none" not found'],
      [
        { overhead: { cpu: '1' } },
        'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
      ],
      [
        { runtimeClassName: 'heavy', overhead: { cpu: '1' } },
        "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
      ],
      [
        { runtimeClassName: 'heavy', nodeSelector: { kind: 'oci' } },
        'conflict: runtimeClass.scheduling.nodeSelector[kind] = vm; pod.spec.nodeSelector[kind] = oci',
      ],
    ];
    for (const [spec, because] of refused)
      assert.deepEqual(told(await post(pods(), podOf('x', spec))), forbidden(`pods "x" is forbidden: ${because}`));
    await must('DELETE', `${classes}/heavy`);
  });

  suite('ResourceQuota', () => {
    const setUsed = async (path: string, name: string, hard: Record<string, string>) => {
      await must('POST', `${path}/resourcequotas`, { metadata: { name }, spec: { hard } });
      const used = Object.fromEntries(Object.keys(hard).map((key) => [key, '0']));
      assert.equal((await merge(`${path}/resourcequotas/${name}/status`, { status: { hard, used } })).code, 200);
    };
    const usedOf = async (path: string, name: string) =>
      (await must('GET', `${path}/resourcequotas/${name}`)).status.used;

    test('counts objects of every kind, and amounts', async () => {
      const path = await makeNamespace('counted');
      await setUsed(path, 'q', {
        'count/deployments.apps': '1',
        'count/configmaps': '2',
        secrets: '1',
        services: '2',
        'services.nodeports': '1',
        'requests.cpu': '1',
        'limits.memory': '1Gi',
      });
      await must('POST', `${path}/configmaps`, { metadata: { name: 'a' } });
      await must('POST', `${path}/configmaps`, { metadata: { name: 'b' } });
      assert.deepEqual(
        told(await post(`${path}/configmaps`, { metadata: { name: 'c' } })),
        forbidden(
          'configmaps "c" is forbidden: exceeded quota: q, requested: count/configmaps=1, used: count/configmaps=2, limited: count/configmaps=2',
        ),
      );
      const template = { metadata: { labels: { a: 'b' } }, spec: podOf('').spec };
      const deployment = (name: string) =>
        post('/apis/apps/v1/namespaces/counted/deployments', {
          metadata: { name },
          spec: { selector: { matchLabels: { a: 'b' } }, template },
        });
      assert.equal((await deployment('one')).code, 201);
      assert.match(
        (await deployment('two')).body.message,
        /^deployments\.apps "two" is forbidden: exceeded quota: q, requested: count\/deployments\.apps=1, /,
      );
      const service = (name: string, type: string) =>
        post(`${path}/services`, { metadata: { name }, spec: { type, ports: [{ port: 80 }] } });
      assert.equal((await service('np', 'NodePort')).code, 201);
      assert.match(
        (await service('lb', 'LoadBalancer')).body.message,
        /requested: services\.nodeports=1, used: services\.nodeports=1, limited: services\.nodeports=1$/,
      );
      assert.deepEqual(
        told(await post(`${path}/pods`, podOf('silent'))),
        forbidden(
          'pods "silent" is forbidden: failed quota: q: must specify limits.memory for: c; requests.cpu for: c',
        ),
      );
      const resources = { requests: { cpu: '600m' }, limits: { memory: '1Gi' } };
      await must('POST', `${path}/pods`, podOf('heard', { containers: [{ name: 'c', image: 'i', resources }] }));
      assert.deepEqual(
        told(await post(`${path}/pods`, podOf('more', { containers: [{ name: 'c', image: 'i', resources }] }))),
        forbidden(
          'pods "more" is forbidden: exceeded quota: q, requested: limits.memory=1Gi,requests.cpu=600m, used: limits.memory=1Gi,requests.cpu=600m, limited: limits.memory=1Gi,requests.cpu=1',
        ),
      );
      const used = await usedOf(path, 'q');
      assert.deepEqual(
        [used['count/configmaps'], used['services.nodeports'], used['requests.cpu'], used['limits.memory']],
        ['2', '1', '600m', '1Gi'],
      );
    });

    test('comes last: what others refuse, and what is only tried, costs nothing', async () => {
      const path = await makeNamespace('last', { 'pod-security.kubernetes.io/enforce': 'baseline' });
      await setUsed(path, 'q', { pods: '1' });
      assert.match((await post(`${path}/pods`, podOf('bad', { hostPID: true }))).body.message, /violates PodSecurity/);
      assert.equal((await post(`${path}/pods`, podOf('x', { containers: [] }))).code, 422);
      assert.equal((await post(`${path}/pods?dryRun=All`, podOf('tried'))).code, 201);
      assert.deepEqual(await usedOf(path, 'q'), { pods: '0' });
      await must('POST', `${path}/pods`, podOf('good'));
      assert.deepEqual(await usedOf(path, 'q'), { pods: '1' });
      assert.equal((await post(`${path}/pods?dryRun=All`, podOf('tried'))).code, 403);
    });
  });
});
