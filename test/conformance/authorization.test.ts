/** Who may: refusals, reviews of rights, giving rights away, and what each component of the cluster may do. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Answer, AskOptions, TestApi } from '../harness/api.ts';
import { writeKubeconfig } from '../harness/kubectl.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

const run = promisify(execFile);
const rbac = '/apis/rbac.authorization.k8s.io/v1';
const reviews = '/apis/authorization.k8s.io/v1';
const apiGroup = 'rbac.authorization.k8s.io';

suite('authorization', () => {
  let space: Space;
  let api: TestApi;

  suiteSetup(async () => {
    space = await makeSpace('authorization');
    ({ api } = space);
  });

  const must = async (method: string, path: string, body?: object) => {
    const answer = await api.ask(method, path, { body });
    assert.ok(answer.code < 300, JSON.stringify(answer.body));
    return answer.body;
  };
  const settled = () => api.ask('GET', `${space.path}/configmaps`);
  const as = (user: string, method: string, path: string, options: AskOptions = {}): Promise<Answer> =>
    api.ask(method, path, { ...options, headers: { ...options.headers, 'impersonate-user': user } });
  const rule = (verbs: string[], resources: string[], more: object = {}) => ({
    apiGroups: [''],
    resources,
    verbs,
    ...more,
  });
  const grant = async (user: string, rules: object[], namespace?: string) => {
    const where = namespace === undefined ? rbac : `${rbac}/namespaces/${namespace}`;
    const [kind, plural] = namespace === undefined ? ['ClusterRole', 'clusterrole'] : ['Role', 'role'];
    const name = `of-${user}`;
    await must('POST', `${where}/${plural}s`, { metadata: { name }, rules });
    const subjects = [{ kind: 'User', name: user }];
    await must('POST', `${where}/${plural}bindings`, {
      metadata: { name },
      roleRef: { apiGroup, kind, name },
      subjects,
    });
    await settled();
  };
  const codes = async (user: string, cases: readonly (readonly [method: string, path: string, code: number])[]) => {
    for (const [method, path, code] of cases) {
      const answer = await as(user, method, path);
      assert.equal(answer.code, code, `${method} ${path}: ${JSON.stringify(answer.body?.message)}`);
    }
  };

  test('a rule for names covers lists and watches that select one of them', async () => {
    await space.configMap('mine');
    await grant(
      'names',
      [rule(['get', 'list', 'watch', 'deletecollection'], ['configmaps'], { resourceNames: ['mine'] })],
      space.name,
    );
    const maps = `${space.path}/configmaps`;
    await codes('names', [
      ['GET', `${maps}/mine`, 200],
      ['GET', `${maps}/other`, 403],
      ['GET', maps, 403],
      ['GET', `${maps}?fieldSelector=metadata.name%3Dmine`, 200],
      ['GET', `${maps}?fieldSelector=metadata.name%3Dother`, 403],
      ['GET', `${maps}?fieldSelector=metadata.name%21%3Dmine`, 403],
      ['DELETE', `${maps}?fieldSelector=metadata.name%3Dother`, 403],
    ]);
    for (const [name, code] of [
      ['mine', 200],
      ['other', 403],
    ] as const) {
      const selected = `${maps}?watch=1&fieldSelector=metadata.name%3D${name}`;
      const watch = await api.watch(selected, { 'impersonate-user': 'names' });
      watch.close();
      assert.equal(watch.code, code, name);
    }
  });

  test('rules for subresources, of one kind or of all, are not for the objects themselves', async () => {
    await grant('subs', [rule(['get', 'patch'], ['pods/status', '*/scale'], { apiGroups: ['', 'apps'] })]);
    const apps = `/apis/apps/v1/namespaces/${space.name}`;
    await codes('subs', [
      ['GET', `${space.path}/pods/x`, 403],
      ['GET', `${space.path}/pods/x/status`, 404],
      ['GET', `${apps}/deployments/x/scale`, 404],
      ['GET', `${apps}/statefulsets/x/scale`, 404],
      ['GET', `${apps}/deployments/x`, 403],
      ['GET', `${space.path}/pods/x/log`, 403],
    ]);
  });

  test('rules for paths hold to the letter, or below a prefix', async () => {
    await grant('paths', [{ nonResourceURLs: ['/metrics', '/logs/*'], verbs: ['get'] }]);
    const refused = (path: string, verb = 'get') => `forbidden: User "paths" cannot ${verb} path "${path}"`;
    assert.equal((await as('paths', 'GET', '/metrics')).code, 200);
    for (const [method, path] of [
      ['GET', '/metrics/'],
      ['GET', '/logs'],
      ['POST', '/metrics'],
    ] as const) {
      const { code, body } = await as('paths', method, path);
      assert.deepEqual([code, body.message], [403, refused(path, method.toLowerCase())]);
    }
    assert.equal((await as('paths', 'GET', '/logs/x')).code, 404);
  });

  test('bindings that name roles in vain are told of, where they would count', async () => {
    for (const [name, where] of [
      ['vain', `${rbac}/clusterrolebindings`],
      ['vain-too', `${rbac}/namespaces/${space.name}/rolebindings`],
    ] as const) {
      const kind = name === 'vain' ? 'ClusterRole' : 'Role';
      const subjects = [{ kind: 'User', name: 'vain' }];
      await must('POST', where, { metadata: { name }, roleRef: { apiGroup, kind, name: `gone-${name}` }, subjects });
    }
    await settled();
    const refused = 'User "vain" cannot list resource';
    const gone = 'clusterrole.rbac.authorization.k8s.io "gone-vain" not found';
    const nodes = await as('vain', 'GET', '/api/v1/nodes');
    assert.equal(
      nodes.body.message,
      `nodes is forbidden: ${refused} "nodes" in API group "" at the cluster scope: RBAC: ${gone}`,
    );
    const pods = await as('vain', 'GET', `${space.path}/pods`);
    assert.equal(
      pods.body.message,
      `pods is forbidden: ${refused} "pods" in API group "" in the namespace "${space.name}": RBAC: [${gone}, role.rbac.authorization.k8s.io "gone-vain-too" not found]`,
    );
  });

  suite('reviews', () => {
    const ask = async (
      plural: string,
      spec: object,
      { metadata = {}, user }: { metadata?: object; user?: string } = {},
    ) => {
      const path = plural.startsWith('local')
        ? `${reviews}/namespaces/${space.name}/${plural}`
        : `${reviews}/${plural}`;
      const headers = user === undefined ? {} : { 'impersonate-user': user };
      const { code, body } = await api.ask('POST', path, { body: { metadata, spec }, headers });
      return code === 201 ? body.status : [code, body.message];
    };
    const resourceAttributes = { verb: 'get', resource: 'pods' };
    const invalid = (kind: string, because: string) => [422, `${kind}.authorization.k8s.io "" is invalid: ${because}`];

    test('that ask for nothing, for two things, or of nobody', async () => {
      const kind = 'SubjectAccessReview';
      const both = { resourceAttributes, nonResourceAttributes: { path: '/', verb: 'get' } };
      assert.deepEqual(
        await ask('subjectaccessreviews', { user: 'x' }),
        invalid(
          kind,
          'spec.resourceAttributes: Invalid value: "null": exactly one of nonResourceAttributes or resourceAttributes must be specified',
        ),
      );
      const shown = 'authorization.NonResourceAttributes{Path:"/", Verb:"get"}';
      assert.deepEqual(
        await ask('subjectaccessreviews', { user: 'x', ...both }),
        invalid(
          kind,
          `spec.nonResourceAttributes: Invalid value: ${shown}: cannot be specified in combination with resourceAttributes`,
        ),
      );
      assert.deepEqual(
        await ask('subjectaccessreviews', { resourceAttributes }),
        invalid(kind, 'spec.user: Invalid value: "": at least one of user or group must be specified'),
      );
      assert.match(
        String(await ask('selfsubjectaccessreviews', { resourceAttributes }, { metadata: { name: 'x' } })),
        /metadata: Invalid value: .*: must be empty/,
      );
      assert.deepEqual(
        await ask('localsubjectaccessreviews', {
          user: 'x',
          resourceAttributes: { ...resourceAttributes, namespace: 'other' },
        }),
        invalid(
          'LocalSubjectAccessReview',
          'spec.resourceAttributes.namespace: Invalid value: "other": must match metadata.namespace',
        ),
      );
      assert.match(
        String(
          await ask('localsubjectaccessreviews', { user: 'x', nonResourceAttributes: { path: '/', verb: 'get' } }),
        ),
        /spec\.nonResourceAttributes: Invalid value: .*: disallowed on this kind of request/,
      );
      assert.deepEqual(await ask('selfsubjectrulesreviews', {}), [400, 'no namespace on request']);
    });

    test('of lists that are narrowed', async () => {
      const path = 'spec.resourceAttributes';
      const narrowed = (selectors: object) =>
        ask('subjectaccessreviews', {
          user: 'system:node:n7',
          groups: ['system:nodes'],
          resourceAttributes: { verb: 'list', resource: 'pods', ...selectors },
        });
      const own = [{ key: 'spec.nodeName', operator: 'In', values: ['n7'] }];
      assert.equal((await narrowed({ fieldSelector: { requirements: own } })).allowed, true);
      assert.equal((await narrowed({ fieldSelector: { rawSelector: 'spec.nodeName=n7' } })).allowed, true);
      assert.equal((await narrowed({ fieldSelector: { rawSelector: 'spec.nodeName=n8' } })).allowed, false);
      assert.equal((await narrowed({})).allowed, false);
      const unread = await narrowed({
        fieldSelector: { rawSelector: 'nonsense' },
        labelSelector: { rawSelector: 'a in' },
      });
      assert.deepEqual(
        [unread.allowed, unread.evaluationError],
        [false, `[${path}.fieldSelector ignored due to parse error, ${path}.labelSelector ignored due to parse error]`],
      );
      const faults: [selectors: object, because: string][] = [
        [
          { fieldSelector: {} },
          `${path}.fieldSelector.requirements: Required value: when ${path}.fieldSelector is specified, requirements or rawSelector is required`,
        ],
        [
          { labelSelector: { rawSelector: 'a=b', requirements: [{ key: 'a', operator: 'Exists' }] } },
          `${path}.labelSelector.rawSelector: Invalid value: "a=b": may not specified at the same time as requirements`,
        ],
        [
          { fieldSelector: { requirements: [{ key: '', operator: 'In' }] } },
          `[${path}.fieldSelector.requirements[0].key: Required value: must be specified, ${path}.fieldSelector.requirements[0].values: Required value: must be specified when \`operator\` is 'In' or 'NotIn']`,
        ],
        [
          { labelSelector: { requirements: [{ key: 'a', operator: 'DoesNotExist', values: ['x'] }] } },
          `${path}.labelSelector.requirements[0].values: Forbidden: may not be specified when \`operator\` is 'Exists' or 'DoesNotExist'`,
        ],
      ];
      for (const [selectors, because] of faults)
        assert.deepEqual(await narrowed(selectors), invalid('SubjectAccessReview', because));
    });

    test('of one’s own rules, and that some who decide cannot list them', async () => {
      await grant('lister', [
        rule(['get'], ['pods'], { resourceNames: ['a'] }),
        { nonResourceURLs: ['/x'], verbs: ['get'] },
      ]);
      const mine = await ask('selfsubjectrulesreviews', { namespace: space.name }, { user: 'lister' });
      const found = (mine.resourceRules as { resourceNames?: string[] }[]).filter(({ resourceNames }) => resourceNames);
      assert.deepEqual(found, [{ verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: ['a'] }]);
      assert.ok(
        (mine.nonResourceRules as { nonResourceURLs: string[] }[]).some(({ nonResourceURLs }) =>
          nonResourceURLs.includes('/x'),
        ),
      );
      assert.equal(mine.incomplete, false);
      const { body } = await api.ask('POST', `${reviews}/selfsubjectrulesreviews`, {
        body: { spec: { namespace: space.name } },
        headers: { 'impersonate-user': 'system:node:n7', 'impersonate-group': 'system:nodes' },
      });
      assert.deepEqual(
        [body.status.incomplete, body.status.evaluationError],
        [true, 'node authorizer does not support user rule resolution'],
      );
    });
  });

  suite('giving rights away', () => {
    const path = () => `${rbac}/namespaces/${space.name}`;

    test('takes having them, wherever they come from, or the right to give more', async () => {
      await grant('giver', [
        {
          apiGroups: [apiGroup],
          resources: ['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'],
          verbs: ['*'],
        },
      ]);
      await grant('giver', [rule(['get'], ['pods'])], space.name);
      const role = (name: string, rules: object[]) => ({ metadata: { name }, rules });
      const make = (body: object) => as('giver', 'POST', `${path()}/roles`, { body });
      // Every verb is the right to escalate too.
      assert.equal((await make(role('all', [rule(['*'], ['*'])]))).code, 201);
      await api.ask('DELETE', `${rbac}/clusterroles/of-giver`);
      await must(
        'POST',
        `${rbac}/clusterroles`,
        role('of-giver', [
          {
            apiGroups: [apiGroup],
            resources: ['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'],
            verbs: ['create', 'update', 'patch', 'get'],
          },
        ]),
      );
      await settled();
      assert.equal((await make(role('small', [rule(['get'], ['pods'])]))).code, 201);
      const more = await make(
        role('more', [rule(['get', 'delete'], ['pods', 'secrets']), rule(['get'], ['pods'], { resourceNames: ['x'] })]),
      );
      assert.deepEqual(
        [more.code, more.body.message],
        [
          403,
          'roles.rbac.authorization.k8s.io "more" is forbidden: user "giver" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n' +
            '{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}\n{APIGroups:[""], Resources:["secrets"], Verbs:["get" "delete"]}',
        ],
      );
      const patched = await as('giver', 'PATCH', `${path()}/roles/small`, {
        body: [{ op: 'add', path: '/rules/-', value: rule(['list'], ['nodes']) }],
        headers: { 'content-type': 'application/json-patch+json' },
      });
      assert.equal(patched.code, 403);
      // What is in the cluster's scope takes rights there.
      assert.equal(
        (await as('giver', 'POST', `${rbac}/clusterroles`, { body: role('small', [rule(['get'], ['pods'])]) })).code,
        403,
      );
      const bind = (roleRef: object) =>
        as('giver', 'POST', `${path()}/rolebindings`, {
          body: { metadata: { name: 'b' }, roleRef: { apiGroup, ...roleRef }, subjects: [{ kind: 'User', name: 'x' }] },
        });
      assert.match(
        (await bind({ kind: 'Role', name: 'all' })).body.message,
        /not currently held:\n\{APIGroups:\[""\], Resources:\["\*"\], Verbs:\["\*"\]\}$/,
      );
      assert.deepEqual(
        [(await bind({ kind: 'Role', name: 'none' })).code, (await bind({ kind: 'Role', name: 'none' })).body.message],
        [404, 'role.rbac.authorization.k8s.io "none" not found'],
      );
      assert.equal((await bind({ kind: 'Role', name: 'small' })).code, 201);
    });
  });

  test('the default roles are labelled, and say that they are kept up', async () => {
    for (const path of [
      'clusterroles/view',
      'clusterrolebindings/system:basic-user',
      'namespaces/kube-system/roles/system:controller:token-cleaner',
    ]) {
      const { metadata } = await must('GET', `${rbac}/${path}`);
      assert.equal(metadata.labels['kubernetes.io/bootstrapping'], 'rbac-defaults', path);
      assert.equal(metadata.annotations['rbac.authorization.kubernetes.io/autoupdate'], 'true', path);
    }
  });

  suite('components', () => {
    type Wish = readonly [
      verb: string,
      resource: string,
      more?: { group?: string; subresource?: string; namespace?: string; name?: string },
    ];
    const masters = 'system:masters';

    /** Each with what it does, and what would be the end of the cluster if its identity were stolen. */
    const components: Record<string, { user: string; groups?: string[]; may: Wish[]; mayNot: Wish[] }> = {
      scheduler: {
        user: 'system:kube-scheduler',
        may: [
          ['watch', 'pods'],
          ['watch', 'nodes'],
          ['create', 'pods', { subresource: 'binding', namespace: 'a', name: 'x' }],
          ['patch', 'pods', { subresource: 'status', namespace: 'a', name: 'x' }],
          ['delete', 'pods', { namespace: 'a', name: 'x' }],
          ['create', 'events', { group: 'events.k8s.io', namespace: 'a' }],
          ['update', 'leases', { group: 'coordination.k8s.io', namespace: 'kube-system', name: 'kube-scheduler' }],
          ['patch', 'persistentvolumeclaims', { namespace: 'a', name: 'x' }],
        ],
        mayNot: [
          ['get', 'secrets', { namespace: 'a', name: 'x' }],
          ['create', 'pods', { namespace: 'a' }],
          ['create', 'pods', { subresource: 'exec', namespace: 'a', name: 'x' }],
          ['update', 'nodes', { name: 'x' }],
          [
            'update',
            'leases',
            { group: 'coordination.k8s.io', namespace: 'kube-system', name: 'kube-controller-manager' },
          ],
          ['create', 'clusterrolebindings', { group: apiGroup }],
          ['impersonate', 'users', { name: 'admin' }],
        ],
      },
      'controller-manager': {
        user: 'system:kube-controller-manager',
        may: [
          ['watch', 'secrets'],
          ['create', 'pods', { namespace: 'a' }],
          ['update', 'secrets', { namespace: 'a', name: 'x' }],
          ['delete', 'namespaces', { name: 'a' }],
          ['update', 'namespaces', { subresource: 'finalize', name: 'a' }],
          ['update', 'clusterroles', { group: apiGroup, name: 'view' }],
          ['update', 'certificatesigningrequests', { group: 'certificates.k8s.io', subresource: 'status', name: 'x' }],
          ['sign', 'signers', { group: 'certificates.k8s.io', name: 'kubernetes.io/kubelet-serving' }],
        ],
        mayNot: [
          ['create', 'clusterrolebindings', { group: apiGroup }],
          ['bind', 'clusterroles', { group: apiGroup, name: 'cluster-admin' }],
          ['create', 'pods', { subresource: 'exec', namespace: 'a', name: 'x' }],
          ['impersonate', 'groups', { name: masters }],
          ['sign', 'signers', { group: 'certificates.k8s.io', name: 'example.com/any' }],
          ['approve', 'signers', { group: 'certificates.k8s.io', name: 'kubernetes.io/kube-apiserver-client' }],
        ],
      },
      proxy: {
        user: 'system:kube-proxy',
        may: [
          ['watch', 'services'],
          ['watch', 'endpointslices', { group: 'discovery.k8s.io' }],
          ['watch', 'nodes'],
          ['create', 'events', { namespace: 'a' }],
        ],
        mayNot: [
          ['list', 'pods'],
          ['list', 'secrets'],
          ['update', 'services', { namespace: 'a', name: 'x' }],
          ['patch', 'nodes', { name: 'x' }],
        ],
      },
      agent: {
        user: 'system:node:component',
        groups: ['system:nodes'],
        may: [
          ['create', 'nodes'],
          ['patch', 'nodes', { subresource: 'status', name: 'component' }],
          ['update', 'leases', { group: 'coordination.k8s.io', namespace: 'kube-node-lease', name: 'component' }],
          ['patch', 'pods', { subresource: 'status', namespace: 'a', name: 'x' }],
          ['delete', 'pods', { namespace: 'a', name: 'x' }],
          ['watch', 'services'],
          ['watch', 'runtimeclasses', { group: 'node.k8s.io' }],
          ['create', 'certificatesigningrequests', { group: 'certificates.k8s.io' }],
        ],
        mayNot: [
          ['list', 'pods'],
          ['list', 'secrets'],
          ['get', 'secrets', { namespace: 'a', name: 'x' }],
          ['get', 'configmaps', { namespace: 'a', name: 'x' }],
          ['get', 'pods', { namespace: 'a', name: 'x' }],
          ['update', 'leases', { group: 'coordination.k8s.io', namespace: 'kube-node-lease', name: 'other' }],
          ['update', 'leases', { group: 'coordination.k8s.io', namespace: 'kube-system', name: 'component' }],
          ['create', 'serviceaccounts', { subresource: 'token', namespace: 'a', name: 'x' }],
          ['delete', 'nodes', { name: 'component' }],
          ['create', 'pods', { subresource: 'exec', namespace: 'a', name: 'x' }],
          ['get', 'persistentvolumeclaims', { namespace: 'a', name: 'x' }],
        ],
      },
      'API server towards agents': {
        user: 'kube-apiserver',
        may: [],
        mayNot: [
          ['get', 'nodes', { name: 'x' }],
          ['list', 'pods'],
          ['list', 'secrets'],
        ],
      },
    };

    for (const [name, { user, groups = [], may, mayNot }] of Object.entries(components))
      test(`the ${name} may do its work, and nothing that is not its own`, async () => {
        const review = async ([verb, resource, more = {}]: Wish) => {
          const spec = {
            user,
            groups: [...groups, 'system:authenticated'],
            resourceAttributes: { verb, resource, ...more },
          };
          const { status } = await must('POST', `${reviews}/subjectaccessreviews`, { spec });
          return status.allowed as boolean;
        };
        const allowed = await Promise.all([...may, ...mayNot].map(review));
        const wrong = [...may, ...mayNot].filter((_wish, i) => allowed[i] !== i < may.length);
        assert.deepEqual(wrong, []);
      });
  });

  suite('kubectl auth', () => {
    let kubeconfig: string;
    suiteSetup(() => {
      kubeconfig = writeKubeconfig(api);
    });
    const kubectl = async (...args: string[]) => {
      const { stdout } = await run(
        'kubectl',
        [`--kubeconfig=${kubeconfig}`, `--cache-dir=${join(api.folder, 'cache')}`, ...args],
        {
          timeout: 15_000,
        },
      );
      return stdout.trim();
    };

    test('reconcile makes what is missing, adds what lacks, and takes away when told', async () => {
      const manifest = (verbs: string[]) =>
        JSON.stringify({
          apiVersion: `${apiGroup}/v1`,
          kind: 'ClusterRole',
          metadata: { name: 'reconciled' },
          rules: [rule(verbs, ['pods'])],
        });
      const reconcile = async (verbs: string[], ...flags: string[]) => {
        const child = run('kubectl', [`--kubeconfig=${kubeconfig}`, 'auth', 'reconcile', '-f', '-', ...flags], {
          timeout: 15_000,
        });
        child.child.stdin!.end(manifest(verbs));
        return (await child).stdout;
      };
      const verbs = async () =>
        ((await must('GET', `${rbac}/clusterroles/reconciled`)).rules as { verbs: string[] }[])
          .flatMap((one) => one.verbs)
          .toSorted();
      assert.match(await reconcile(['get']), /clusterrole\.rbac\.authorization\.k8s\.io\/reconciled reconciled/);
      assert.deepEqual(await verbs(), ['get']);
      await reconcile(['list']);
      assert.deepEqual(await verbs(), ['get', 'list']);
      await reconcile(['list'], '--remove-extra-permissions');
      assert.deepEqual(await verbs(), ['list']);
    });

    test('can-i and whoami tell what reviews tell', async () => {
      await grant('cani', [rule(['get'], ['pods', 'pods/log'])], space.name);
      const can = (...words: string[]) =>
        kubectl('auth', 'can-i', ...words, '--as=cani', '-n', space.name).catch((error: { stdout: string }) =>
          error.stdout.trim(),
        );
      assert.equal(await can('get', 'pods'), 'yes');
      assert.equal(await can('get', 'pods', '--subresource=log'), 'yes');
      assert.equal(await can('list', 'pods'), 'no');
      assert.match(await can('--list'), /^pods\/log +\[\] +\[\] +\[get\]$/m);
      assert.match(
        await kubectl('auth', 'whoami', '--as=cani', '--as-group=g'),
        /^Username +cani\nGroups +\[g system:authenticated\]$/m,
      );
    });
  });
});
