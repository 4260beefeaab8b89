import assert from 'node:assert/strict';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import type { Attempt } from '../authorize.ts';
import { authorizeNode, nodeOf } from './authorize.ts';
import type { NodeRelations } from './authorize.ts';
import { makeNodeGraph } from './graph.ts';

const pod = (nodeName: string, spec: object = {}) =>
  ({
    metadata: { name: 'web', namespace: 'a', uid: 'u' },
    spec: { nodeName, containers: [], serviceAccountName: 'bot', ...spec },
  }) as unknown as Pod;

const full = {
  imagePullSecrets: [{ name: 'pull' }],
  initContainers: [{ name: 'i', env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 'env', key: 'k' } } }] }],
  containers: [{ name: 'c', envFrom: [{ configMapRef: { name: 'from' } }] }],
  volumes: [
    { name: 'one', persistentVolumeClaim: { claimName: 'data' } },
    { name: 'two', ephemeral: {} },
    { name: 'three', projected: { sources: [{ secret: { name: 'projected' } }] } },
  ],
};

suite('authorizeNode()', () => {
  const graph = makeNodeGraph();
  graph.change(undefined, pod('n1', full));
  const relations: NodeRelations = {
    needs: graph.needs,
    volumesNeed: (node, namespace, name) => node === 'n1' && namespace === 'vault' && name === 'disk',
    claimOf: (volume) => (volume === 'pv' ? { namespace: 'a', name: 'data' } : undefined),
    nodeOf: (namespace, name) => (namespace === 'a' && name === 'web' ? 'n1' : undefined),
    attachedTo: () => undefined,
  };
  const ask = (node: string, words: string, extra: Partial<Attempt> = {}) => {
    const [verb = '', resource = '', place = ''] = words.split(' ');
    const [plural = '', subresource = ''] = resource.split('/');
    const [namespace = '', name = ''] = place.split('/');
    return authorizeNode(node, { verb, group: '', plural, subresource, namespace, name, ...extra }, relations);
  };

  const both: [words: string, extra?: Partial<Attempt>][] = [
    ['get services a/x'],
    ['create nodes'],
    ['patch nodes/status /n1'],
    ['patch pods/status a/web'],
    ['delete pods a/web'],
    ['create events a/'],
    ['create leases kube-node-lease/', { group: 'coordination.k8s.io' }],
  ];
  for (const [words, extra] of both) {
    test(`any node may ${words}`, () => assert.ok(ask('n2', words, extra).allowed));
  }

  const own: [words: string, extra?: Partial<Attempt>][] = [
    ['get secrets a/pull'],
    ['watch secrets a/env'],
    ['list secrets a/projected'],
    ['get secrets vault/disk'],
    ['get configmaps a/from'],
    ['get persistentvolumeclaims a/data'],
    ['get persistentvolumeclaims a/web-two'],
    ['get persistentvolumes /pv'],
    ['create serviceaccounts/token a/bot'],
    ['get pods a/web'],
    ['get nodes /n1'],
    ['watch pods', { fieldSelector: 'spec.nodeName=n1' }],
    ['update leases kube-node-lease/n1', { group: 'coordination.k8s.io' }],
  ];
  for (const [words, extra] of own) {
    test(`only its own node may ${words}`, () => {
      assert.ok(ask('n1', words, extra).allowed);
      assert.equal(ask('n2', words, extra).allowed, false);
    });
  }

  const nobody: [words: string, extra?: Partial<Attempt>][] = [
    ['list secrets a/'],
    ['list secrets'],
    ['get secrets b/pull'],
    ['update secrets a/pull'],
    ['watch pods'],
    ['watch pods', { fieldSelector: 'spec.nodeName!=n1' }],
    ['list nodes'],
    ['delete nodes /n1'],
    ['update leases kube-system/n1', { group: 'coordination.k8s.io' }],
    ['list persistentvolumes'],
    ['get deployments a/x', { group: 'apps' }],
    ['create pods/exec a/web'],
  ];
  for (const [words, extra] of nobody) {
    test(`no node may ${words}`, () => assert.equal(ask('n1', words, extra).allowed, false));
  }

  test('says why as upstream does', () => {
    assert.equal(ask('n2', 'get secrets a/pull').reason, "no relationship found between node 'n2' and this object");
    assert.equal(ask('n2', 'list nodes').reason, "node 'n2' cannot read all nodes, only its own Node object");
  });
});

suite('makeNodeGraph()', () => {
  test('gives nothing for the image of a pod that the node runs of its own accord', () => {
    const graph = makeNodeGraph();
    const mirror = pod('n1', full);
    mirror.metadata.annotations = { 'kubernetes.io/config.mirror': 'x' };
    graph.change(undefined, mirror);
    assert.equal(graph.needs('n1', 'secrets', 'a', 'pull'), false);
    assert.deepEqual(graph.claimsOf('n1'), []);
    graph.change(undefined, pod('n1', full));
    assert.deepEqual(
      graph
        .claimsOf('n1')
        .map(({ name }) => name)
        .toSorted(),
      ['data', 'web-two'],
    );
  });

  test('change() forgets what no pod of the node names any more', () => {
    const graph = makeNodeGraph();
    const one = pod('n1', full);
    const other = { ...pod('n1', full), metadata: { ...one.metadata, uid: 'v', name: 'other' } };
    graph.change(undefined, pod(''));
    assert.equal(graph.needs('', 'serviceaccounts', 'a', 'bot'), false);
    graph.change(pod(''), one);
    graph.change(undefined, other);
    graph.change(one, { ...one, status: { phase: 'Running' } });
    assert.ok(graph.needs('n1', 'secrets', 'a', 'env'));
    graph.change(one, undefined);
    assert.ok(graph.needs('n1', 'secrets', 'a', 'env'));
    graph.change(other, undefined);
    assert.equal(graph.needs('n1', 'secrets', 'a', 'env'), false);
  });
});

suite('nodeOf()', () => {
  test('asks for the name and the group', () => {
    assert.equal(nodeOf({ name: 'system:node:n1', groups: ['system:nodes'] }), 'n1');
    assert.equal(nodeOf({ name: 'system:node:n1', groups: [] }), undefined);
    assert.equal(nodeOf({ name: 'n1', groups: ['system:nodes'] }), undefined);
  });
});
