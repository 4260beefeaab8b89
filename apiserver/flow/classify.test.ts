import assert from 'node:assert/strict';
import { byPrecedence, flowSchema } from '#lib/kinds/flow-schema.ts';
import type { FlowSchema } from '#lib/kinds/gen/flowcontrol-v1.ts';
import { made } from '#lib/kinds/testing/objects.ts';
import { requestInfoOf } from '../rest/request-info.ts';
import type { Caller } from '../verbs/types.ts';
import { distinguisherOf, makeClassifier } from './classify.ts';
import { startingFlowSchemas } from './suggested.ts';

const known = 'system:authenticated';
const callers = {
  admin: { name: 'admin', groups: ['system:masters', known] },
  bob: { name: 'bob', groups: ['dev', known] },
  nobody: { name: 'system:anonymous', groups: ['system:unauthenticated'] },
  node: { name: 'system:node:n1', groups: ['system:nodes', known] },
  controllers: { name: 'system:kube-controller-manager', groups: [known] },
  scheduler: { name: 'system:kube-scheduler', groups: [known] },
  coredns: account('kube-system', 'coredns'),
  endpoints: account('kube-system', 'endpoint-controller'),
  app: account('kube-system-2', 'app'),
} satisfies Record<string, Caller>;

function account(namespace: string, name: string): Caller {
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, known];
  return { name: `system:serviceaccount:${namespace}:${name}`, groups };
}

function infoOf(request: string) {
  const [method = '', url = ''] = request.split(' ');
  const { pathname, search } = new URL(url, 'https://x');
  return requestInfoOf(method, pathname, new URLSearchParams(search));
}

const schema = (name: string, spec: object) => made(flowSchema, { metadata: { name }, spec });

suite('makeClassifier()', () => {
  const starting = [...startingFlowSchemas].map(([name, spec]) => schema(name, spec)).toSorted(byPrecedence);

  const cases: [caller: keyof typeof callers, request: string, schema: string][] = [
    ['admin', 'GET /api/v1/pods', 'exempt'],
    ['admin', 'GET /healthz', 'exempt'],
    ['bob', 'GET /healthz', 'probes'],
    ['bob', 'GET /livez/ping', 'probes'],
    ['bob', 'GET /healthzzz', 'global-default'],
    ['nobody', 'GET /readyz', 'probes'],
    ['nobody', 'GET /version', 'global-default'],
    ['bob', 'POST /api/v1/namespaces/a/pods', 'global-default'],
    ['bob', 'PUT /apis/coordination.k8s.io/v1/namespaces/a/leases/l', 'global-default'],
    ['node', 'PATCH /api/v1/nodes/n1/status', 'system-node-high'],
    ['node', 'GET /api/v1/nodes', 'system-node-high'],
    ['node', 'PUT /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1', 'system-node-high'],
    ['node', 'GET /api/v1/nodes/n1/proxy', 'system-nodes'],
    ['node', 'GET /api/v1/pods', 'system-nodes'],
    ['controllers', 'PUT /apis/coordination.k8s.io/v1/namespaces/kube-system/leases/l', 'system-leader-election'],
    ['controllers', 'DELETE /apis/coordination.k8s.io/v1/namespaces/kube-system/leases/l', 'kube-controller-manager'],
    ['controllers', 'PUT /api/v1/namespaces/a/endpoints/e', 'endpoint-controller'],
    ['scheduler', 'GET /api/v1/pods?watch=true', 'kube-scheduler'],
    ['endpoints', 'PUT /api/v1/namespaces/a/endpoints/e', 'endpoint-controller'],
    ['coredns', 'PUT /api/v1/namespaces/a/endpoints/e', 'workload-leader-election'],
    ['coredns', 'GET /api/v1/services', 'kube-system-service-accounts'],
    ['app', 'GET /api/v1/services', 'service-accounts'],
  ];
  for (const [caller, request, name] of cases) {
    test(`finds ${name} for ${caller}: ${request}`, () => {
      const classifier = makeClassifier(starting);
      for (let again = 0; again < 2; again++) {
        assert.equal(classifier.classify(callers[caller], infoOf(request))?.metadata.name, name);
      }
    });
  }

  const of = (spec: object): FlowSchema =>
    schema('one', {
      priorityLevelConfiguration: { name: 'a' },
      rules: [{ subjects: [{ kind: 'User', user: { name: '*' } }], ...spec }],
    });
  const finds = (spec: object, request: string) =>
    makeClassifier([of(spec)]).classify(callers.bob, infoOf(request)) !== undefined;

  test('tells namespaces and the cluster’s scope apart', () => {
    const rule = { verbs: ['*'], apiGroups: [''], resources: ['pods', 'nodes'] };
    const within = { resourceRules: [{ ...rule, namespaces: ['a'] }] };
    assert.equal(finds(within, 'GET /api/v1/namespaces/a/pods'), true);
    assert.equal(finds(within, 'GET /api/v1/namespaces/b/pods'), false);
    assert.equal(finds(within, 'GET /api/v1/pods'), false);
    const cluster = { resourceRules: [{ ...rule, clusterScope: true }] };
    assert.equal(finds(cluster, 'GET /api/v1/nodes'), true);
    assert.equal(finds(cluster, 'GET /api/v1/namespaces/a/pods'), false);
  });

  test('tells verbs, groups and subresources apart', () => {
    const rule = { verbs: ['get'], apiGroups: ['apps'], resources: ['deployments/scale'], namespaces: ['*'] };
    const scale = { resourceRules: [rule] };
    assert.equal(finds(scale, 'GET /apis/apps/v1/namespaces/a/deployments/d/scale'), true);
    assert.equal(finds(scale, 'PUT /apis/apps/v1/namespaces/a/deployments/d/scale'), false);
    assert.equal(finds(scale, 'GET /apis/apps/v1/namespaces/a/deployments/d'), false);
    assert.equal(finds(scale, 'GET /apis/other/v1/namespaces/a/deployments/d/scale'), false);
  });

  test('paths that end in a star stand for what lies below', () => {
    const paths = { nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/apis/*'] }] };
    assert.equal(finds(paths, 'GET /apis/apps'), true);
    assert.equal(finds(paths, 'GET /apis'), false);
    assert.equal(finds(paths, 'POST /apis/apps'), false);
  });

  test('tries schemas of one precedence by name, and answers nothing when none is for the request', () => {
    const rules = [
      {
        subjects: [{ kind: 'Group', group: { name: '*' } }],
        nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
      },
    ];
    const named = (name: string) => schema(name, { priorityLevelConfiguration: { name: 'a' }, rules });
    const classifier = makeClassifier([named('b'), named('a')].toSorted(byPrecedence));
    assert.equal(classifier.classify(callers.bob, infoOf('GET /x'))?.metadata.name, 'a');
    assert.equal(classifier.classify(callers.bob, infoOf('GET /api/v1/pods')), undefined);
  });

  test('distinguisherOf() tells flows apart by user, by namespace, or not at all', () => {
    const info = infoOf('GET /api/v1/namespaces/a/pods');
    const by = (type?: string) =>
      distinguisherOf(
        schema('one', { priorityLevelConfiguration: { name: 'a' }, ...(type && { distinguisherMethod: { type } }) }),
        callers.bob,
        info,
      );
    assert.deepEqual([by('ByUser'), by('ByNamespace'), by()], ['bob', 'a', '']);
  });
});
