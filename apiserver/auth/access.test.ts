import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { promisify } from 'node:util';
import { connect } from '#lib/client/connect.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import { configMap } from '#lib/kinds/config-map.ts';
import { pod } from '#lib/kinds/pod.ts';
import { secret } from '#lib/kinds/secret.ts';
import { issue, makeAuthority } from '#lib/pki/certificates.ts';
import type { KeyPair } from '#lib/pki/certificates.ts';
import { startTestApi } from '../../test/harness/api.ts';
import type { Answer, AskOptions, TestApi } from '../../test/harness/api.ts';
import { testSinceKubectl } from '../../test/harness/kubectl.ts';

const run = promisify(execFile);
const roles = '/apis/rbac.authorization.k8s.io/v1';
const space = '/api/v1/namespaces/default';
const apiGroup = 'rbac.authorization.k8s.io';
const rule = (verbs: string[], resources: string[], apiGroups = ['']) => ({ verbs, apiGroups, resources });

suite('access', () => {
  let api: TestApi;

  suiteSetup(async () => {
    api = await startTestApi();
    await api.ask('POST', `${space}/serviceaccounts`, { body: { metadata: { name: 'default' } } });
  });

  suiteTeardown(() => api?.stop());

  /** Asks as somebody in the group `dev`; the administrator acts as them. */
  function as(user: string, method: string, path: string, options: AskOptions = {}, groups = 'dev'): Promise<Answer> {
    const headers = { ...options.headers, 'impersonate-user': user, 'impersonate-group': groups };
    return api.ask(method, path, { ...options, headers });
  }

  async function must(method: string, path: string, body: object): Promise<void> {
    const { code, body: said } = await api.ask(method, path, { body });
    assert.ok(code < 300, JSON.stringify(said));
  }

  /** Makes a role of these rules and binds it to the user; with a namespace, only there. Waits until the binding holds. */
  async function grant(user: string, name: string, rules: object[], namespace?: string): Promise<void> {
    const where = namespace === undefined ? roles : `${roles}/namespaces/${namespace}`;
    const [kind, plural] = namespace === undefined ? ['ClusterRole', 'clusterrole'] : ['Role', 'role'];
    await must('POST', `${where}/${plural}s`, { metadata: { name }, rules });
    const roleRef = { apiGroup, kind, name };
    await must('POST', `${where}/${plural}bindings`, {
      metadata: { name },
      roleRef,
      subjects: [{ kind: 'User', name: user }],
    });
    await settled();
  }

  /** A read of the latest state: afterwards the roles in memory are of that state too. */
  const settled = () => api.ask('GET', `${space}/configmaps`);

  function forbidden(answer: Answer, text: string): void {
    assert.deepEqual([answer.code, answer.body.reason], [403, 'Forbidden'], JSON.stringify(answer.body));
    assert.equal(answer.body.message, text);
  }

  test('refusals read as upstream’s', async () => {
    const user = 'User "nobody" cannot';
    const cases: [method: string, path: string, text: string][] = [
      [
        'GET',
        `${space}/pods`,
        `pods is forbidden: ${user} list resource "pods" in API group "" in the namespace "default"`,
      ],
      [
        'GET',
        '/api/v1/pods?watch=1',
        `pods is forbidden: ${user} watch resource "pods" in API group "" at the cluster scope`,
      ],
      [
        'DELETE',
        '/apis/apps/v1/namespaces/x/deployments/web',
        `deployments.apps "web" is forbidden: ${user} delete resource "deployments" in API group "apps" in the namespace "x"`,
      ],
      [
        'GET',
        `${space}/pods/web/log`,
        `pods "web" is forbidden: ${user} get resource "pods/log" in API group "" in the namespace "default"`,
      ],
      [
        'GET',
        '/api/v1/namespaces/default',
        `namespaces "default" is forbidden: ${user} get resource "namespaces" in API group "" in the namespace "default"`,
      ],
      [
        'GET',
        `${space}/secrets?fieldSelector=metadata.name%3Done`,
        `secrets "one" is forbidden: ${user} list resource "secrets" in API group "" in the namespace "default"`,
      ],
      [
        'GET',
        '/apis/example.com/v1/things',
        `things.example.com is forbidden: ${user} list resource "things" in API group "example.com" at the cluster scope`,
      ],
      ['GET', '/metrics', `forbidden: ${user} get path "/metrics"`],
      ['GET', '/a%22b%7Fc%3Cd%3E', `forbidden: ${user} get path "/a\\"b\\x7fc&lt;d&gt;"`],
      ['POST', '/', `forbidden: ${user} post path "/"`],
    ];
    for (const [method, path, text] of cases) forbidden(await as('nobody', method, path), text);
    const { details } = (await as('nobody', 'GET', `${space}/pods/web`)).body;
    assert.deepEqual(details, { name: 'web', kind: 'pods' });
  });

  test('everyone who is known may discover and review themselves', async () => {
    for (const path of ['/api', '/apis', '/apis/apps/v1', '/openapi/v3'])
      assert.equal((await as('nobody', 'GET', path)).code, 200, path);
    const review = await as('nobody', 'POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { body: {} });
    assert.equal(review.code, 201);
    assert.equal((await as('nobody', 'GET', '/apis/no.such/v1')).code, 404);
  });

  test('a role holds in the namespace of its binding, and ends with it', async () => {
    await grant('rose', 'reader', [rule(['list'], ['pods'])], 'default');
    assert.equal((await as('rose', 'GET', `${space}/pods`)).code, 200);
    assert.equal((await as('rose', 'GET', '/api/v1/namespaces/kube-system/pods')).code, 403);
    await api.ask('DELETE', `${roles}/namespaces/default/rolebindings/reader`);
    await settled();
    assert.equal((await as('rose', 'GET', `${space}/pods`)).code, 403);
  });

  test('a binding of a role that is missing says so', async () => {
    await must('POST', `${roles}/clusterrolebindings`, {
      metadata: { name: 'vain' },
      roleRef: { apiGroup, kind: 'ClusterRole', name: 'gone' },
      subjects: [{ kind: 'User', name: 'vera' }],
    });
    await settled();
    forbidden(
      await as('vera', 'GET', '/api/v1/nodes'),
      'nodes is forbidden: User "vera" cannot list resource "nodes" in API group "" at the cluster scope: RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found',
    );
  });

  test('nobody gives away what they do not have', async () => {
    const writes = ['create', 'update', 'get'];
    const own = [rule(writes, ['roles', 'rolebindings', 'clusterroles'], [apiGroup]), rule(['get'], ['pods'])];
    await grant('carl', 'role-maker', own);
    const path = `${roles}/namespaces/default/roles`;
    const wanted = [rule(['get', 'list'], ['pods', 'secrets'])];
    const missing =
      'user "carl" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n' +
      '{APIGroups:[""], Resources:["pods"], Verbs:["list"]}\n{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}';
    const created = await as('carl', 'POST', path, { body: { metadata: { name: 'big' }, rules: wanted } });
    forbidden(created, `roles.rbac.authorization.k8s.io "big" is forbidden: ${missing}`);
    const small = { metadata: { name: 'small' }, rules: [rule(['get'], ['pods'])] };
    assert.equal((await as('carl', 'POST', path, { body: small })).code, 201);
    const grown = await as('carl', 'PUT', `${path}/small`, { body: { ...small, rules: wanted } });
    forbidden(grown, `roles.rbac.authorization.k8s.io "small" is forbidden: ${missing}`);
    const binding = {
      metadata: { name: 'power' },
      roleRef: { apiGroup, kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'User', name: 'carl' }],
    };
    const bindings = `${roles}/namespaces/default/rolebindings`;
    const bound = await as('carl', 'POST', bindings, { body: binding });
    assert.equal(bound.code, 403);
    assert.match(
      bound.body.message,
      /not currently held:\n\{APIGroups:\["\*"\], Resources:\["\*"\], Verbs:\["\*"\]\}\n\{NonResourceURLs:/,
    );
    const aggregating = {
      metadata: { name: 'sum' },
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] },
    };
    forbidden(
      await as('carl', 'POST', `${roles}/clusterroles`, { body: aggregating }),
      'clusterroles.rbac.authorization.k8s.io "sum" is forbidden: must have cluster-admin privileges to use the aggregationRule',
    );
    await grant('carl', 'granter', [
      { verbs: ['bind'], apiGroups: [apiGroup], resources: ['clusterroles'], resourceNames: ['cluster-admin'] },
      rule(['escalate'], ['roles'], [apiGroup]),
    ]);
    assert.equal((await as('carl', 'POST', bindings, { body: binding })).code, 201);
    assert.equal((await as('carl', 'POST', path, { body: { metadata: { name: 'big' }, rules: wanted } })).code, 201);
  });

  test('reviews tell what anyone may, and why', async () => {
    await grant('rita', 'looker', [rule(['get'], ['pods'])], 'default');
    const group = '/apis/authorization.k8s.io/v1';
    const ask = async (plural: string, spec: object, place = '') =>
      (
        await api.ask('POST', `${group}${place}/${plural}`, {
          body: { metadata: { namespace: place && 'default' }, spec },
        })
      ).body;
    const resourceAttributes = { verb: 'get', resource: 'pods', namespace: 'default' };
    const { status } = await ask('subjectaccessreviews', { user: 'rita', resourceAttributes });
    assert.deepEqual(status, {
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "looker/default" of Role "looker" to User "rita"',
    });
    const local = await ask('localsubjectaccessreviews', { user: 'ron', resourceAttributes }, '/namespaces/default');
    assert.deepEqual(local.status, { allowed: false });
    const nonResourceAttributes = { verb: 'get', path: '/healthz' };
    const path = await ask('subjectaccessreviews', { groups: ['system:unauthenticated'], nonResourceAttributes });
    assert.equal(path.status.allowed, true);
    const none = await ask('subjectaccessreviews', { resourceAttributes });
    assert.match(none.message, /spec.user: Invalid value: "": at least one of user or group must be specified/);
  });

  test('who shows no credentials stays out, even if a binding names them', async () => {
    await must('POST', `${roles}/clusterrolebindings`, {
      metadata: { name: 'open-door' },
      roleRef: { apiGroup, kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'Group', name: 'system:unauthenticated' }],
    });
    await settled();
    for (const path of ['/api', `${space}/pods`])
      assert.equal((await api.ask('GET', path, { token: '' })).code, 403, path);
    const { body } = await api.ask('GET', '/apis', { token: '', headers: { 'impersonate-user': 'admin' } });
    assert.equal(
      body.message,
      'users "admin" is forbidden: User "system:anonymous" cannot impersonate resource "users" in API group "" at the cluster scope',
    );
  });

  test('a certificate of another authority, or none in force, is no credential', async () => {
    const now = Date.now();
    const ca = readFileSync(`${api.folder}/ca.crt`, 'utf8');
    const ours = { certPem: ca, keyPem: readFileSync(`${api.folder}/ca.key`, 'utf8') };
    const wanted = { commonName: 'admin', organizations: ['system:masters'], usages: ['client' as const] };
    const codeWith = async ({ certPem, keyPem }: KeyPair) => {
      const sending = request(`${api.url}/api`, { ca, cert: certPem, key: keyPem, agent: false }).end();
      const [response] = (await once(sending, 'response')) as [IncomingMessage];
      response.resume();
      return response.statusCode;
    };
    assert.equal(await codeWith(await issue(ours, wanted, now)), 200);
    assert.equal(await codeWith(await issue(await makeAuthority('test', now), wanted, now)), 401);
    assert.equal(await codeWith(await issue(ours, wanted, now - 20 * 365 * 24 * 3_600_000)), 401);
  });

  test('acting as somebody asks for the right to each part of them', async () => {
    await grant('bob', 'actor', [
      { verbs: ['impersonate'], apiGroups: [''], resources: ['users'], resourceNames: ['eve'] },
      { verbs: ['impersonate'], apiGroups: [''], resources: ['groups'], resourceNames: ['dev'] },
      { verbs: ['impersonate'], apiGroups: ['authentication.k8s.io'], resources: ['userextras/scope', 'uids'] },
    ]);
    const ask = (headers: Record<string, string>) =>
      api.ask('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { token: 'file-token', body: {}, headers });
    const all = {
      'impersonate-user': 'eve',
      'impersonate-group': 'dev',
      'impersonate-uid': 'u',
      'impersonate-extra-scope': 'a',
    };
    assert.deepEqual((await ask(all)).body.status.userInfo, {
      username: 'eve',
      uid: 'u',
      groups: ['dev', 'system:authenticated'],
      extra: { scope: ['a'] },
    });
    const user = 'User "bob" cannot impersonate resource';
    const refused: [headers: Record<string, string>, text: string][] = [
      [
        { 'impersonate-user': 'root' },
        `users "root" is forbidden: ${user} "users" in API group "" at the cluster scope`,
      ],
      [
        { ...all, 'impersonate-group': 'system:masters' },
        `groups "system:masters" is forbidden: ${user} "groups" in API group "" at the cluster scope`,
      ],
      [
        { ...all, 'impersonate-extra-other': 'x' },
        `userextras.authentication.k8s.io "x" is forbidden: ${user} "userextras/other" in API group "authentication.k8s.io" at the cluster scope`,
      ],
      [
        { 'impersonate-user': 'system:serviceaccount:default:default' },
        `serviceaccounts "default" is forbidden: ${user} "serviceaccounts" in API group "" in the namespace "default"`,
      ],
    ];
    for (const [headers, text] of refused) forbidden(await ask(headers), text);
  });

  test('a bootstrap token lets its bearer in as its groups', async () => {
    const stringData = {
      'token-id': 'abcdef',
      'token-secret': '0123456789abcdef',
      'usage-bootstrap-authentication': 'true',
      'auth-extra-groups': 'system:bootstrappers:test',
    };
    await must('POST', '/api/v1/namespaces/kube-system/secrets', {
      metadata: { name: 'bootstrap-token-abcdef' },
      type: 'bootstrap.kubernetes.io/token',
      stringData,
    });
    await settled();
    const { body } = await api.ask('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
      token: 'abcdef.0123456789abcdef',
      body: {},
    });
    assert.deepEqual(body.status.userInfo, {
      username: 'system:bootstrap:abcdef',
      groups: ['system:bootstrappers', 'system:bootstrappers:test', 'system:authenticated'],
    });
  });

  test('a node reads what its own pods name, and no more', async () => {
    for (const name of ['named', 'other']) await must('POST', `${space}/secrets`, { metadata: { name } });
    await must('POST', `${space}/pods`, {
      metadata: { name: 'here' },
      spec: {
        nodeName: 'n1',
        containers: [{ name: 'c', image: 'i', envFrom: [{ secretRef: { name: 'named' } }] }],
      },
    });
    await settled();
    const ask = (node: string, path: string, method = 'GET') =>
      as(`system:node:${node}`, method, path, method === 'POST' ? { body: {} } : {}, 'system:nodes');
    assert.equal((await ask('n1', `${space}/secrets/named`)).code, 200);
    forbidden(
      await ask('n2', `${space}/secrets/named`),
      'secrets "named" is forbidden: User "system:node:n2" cannot get resource "secrets" in API group "" in the namespace "default": no relationship found between node \'n2\' and this object',
    );
    assert.equal((await ask('n1', `${space}/secrets/other`)).code, 403);
    assert.equal((await ask('n1', `${space}/secrets`)).code, 403);
    assert.equal((await ask('n1', '/api/v1/pods')).code, 403);
    assert.equal((await ask('n1', '/api/v1/pods?fieldSelector=spec.nodeName%3Dn1')).code, 200);
    assert.equal((await ask('n1', '/api/v1/pods?fieldSelector=spec.nodeName%3Dn2')).code, 403);
    assert.equal((await ask('n2', `${space}/serviceaccounts/default/token`, 'POST')).code, 403);
    await api.ask('DELETE', `${space}/pods/here?gracePeriodSeconds=0`);
    await settled();
    assert.equal((await ask('n1', `${space}/secrets/named`)).code, 403);
  });

  test('over gRPC, a watch of several kinds is judged kind by kind and name by name', async () => {
    await grant('gina', 'watcher', [
      rule(['watch'], ['pods']),
      { verbs: ['watch'], apiGroups: [''], resources: ['configmaps'], resourceNames: ['one'] },
    ]);
    const env = makeRealEnv({ service: 'test' });
    const client = connect({ address: `unix:${api.folder}/api.sock`, user: 'gina' }, env);
    const stop = new AbortController();
    const first = async (targets: Parameters<typeof client.watch>[0]) => {
      for await (const batch of client.watch(targets, { signal: stop.signal })) return batch;
      return undefined;
    };
    const one = { kind: configMap, namespace: 'default', fieldSelector: 'metadata.name=one' };
    assert.ok(await first([{ kind: pod }, one]));
    await assert.rejects(first([{ kind: pod }, { kind: secret }]), /cannot watch resource "secrets"/);
    await assert.rejects(first([{ kind: pod }, { ...one, fieldSelector: '' }]), /cannot watch resource "configmaps"/);
    await assert.rejects(
      client.get(pod, { namespace: 'default', name: 'x' }),
      /User "gina" cannot get resource "pods"/,
    );
    stop.abort();
    client.close();
  });

  test('default roles that were damaged are mended at the next start', async () => {
    const path = `${roles}/clusterroles/system:discovery`;
    const { body } = await api.ask('GET', path);
    await must('PUT', path, { ...body, rules: [] });
    await api.restart();
    assert.deepEqual(
      (await api.ask('GET', path)).body.rules
        .flatMap((one: { nonResourceURLs: string[] }) => one.nonResourceURLs)
        .toSorted(),
      body.rules[0].nonResourceURLs,
    );
  });

  testSinceKubectl(27, 'kubectl auth can-i, with a certificate', async () => {
    const file = (name: string) => `${api.folder}/${name}`;
    const authority = { certPem: readFileSync(file('ca.crt'), 'utf8'), keyPem: readFileSync(file('ca.key'), 'utf8') };
    const wanted = { commonName: 'jane', organizations: ['qa'], usages: ['client' as const] };
    const { certPem, keyPem } = await issue(authority, wanted, Date.now());
    writeFileSync(file('jane.crt'), certPem, { mode: 0o600 });
    writeFileSync(file('jane.key'), keyPem, { mode: 0o600 });
    const kubectl = async (...args: string[]) => {
      const who = [
        'certificate-authority=ca.crt',
        'client-certificate=jane.crt',
        'client-key=jane.key',
        'cache-dir=jane',
      ];
      const flags = [`--server=${api.url}`, '--kubeconfig=/dev/null', ...who.map((flag) => `--${flag}`)];
      try {
        return (await run('kubectl', [...flags, ...args], { cwd: api.folder, timeout: 15_000 })).stdout.trim();
      } catch (error) {
        return (
          (error as { stdout: string; stderr: string }).stdout.trim() || (error as { stderr: string }).stderr.trim()
        );
      }
    };
    await must('POST', `${roles}/namespaces/default/rolebindings`, {
      metadata: { name: 'qa' },
      roleRef: { apiGroup, kind: 'ClusterRole', name: 'system:aggregate-to-view' },
      subjects: [{ kind: 'Group', name: 'qa' }],
    });
    await settled();
    assert.equal(await kubectl('auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}'), 'jane');
    assert.equal(await kubectl('auth', 'can-i', 'list', 'pods'), 'yes');
    assert.equal(await kubectl('auth', 'can-i', 'get', 'pods/log'), 'yes');
    assert.equal(await kubectl('auth', 'can-i', 'list', 'pods', '-n', 'kube-system'), 'no');
    assert.equal(await kubectl('auth', 'can-i', 'delete', 'pods'), 'no');
    assert.equal(await kubectl('auth', 'can-i', 'get', '/version'), 'yes');
    assert.match(await kubectl('auth', 'can-i', '--list'), /^deployments\.apps +\[\] +\[\] +\[get list watch\]$/m);
    assert.equal(await kubectl('get', 'configmaps', '-o', 'name'), '');
    assert.equal(
      await kubectl('get', 'secrets'),
      'Error from server (Forbidden): secrets is forbidden: User "jane" cannot list resource "secrets" in API group "" in the namespace "default"',
    );
  });
});
