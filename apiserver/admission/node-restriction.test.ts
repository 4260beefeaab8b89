import assert from 'node:assert/strict';
import { configMap } from '#lib/kinds/config-map.ts';
import { lease } from '#lib/kinds/lease.ts';
import { node } from '#lib/kinds/node.ts';
import { pod } from '#lib/kinds/pod.ts';
import { serviceAccount } from '#lib/kinds/service-account.ts';
import { lookOf, objectOf, refusalBy, requestOf } from './fixture.ts';
import { nodeRestriction } from './node-restriction.ts';
import type { AdmissionRequest } from './types.ts';

const caller = { name: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] };
const asNode = (
  kind: Parameters<typeof requestOf>[0],
  object: ReturnType<typeof objectOf>,
  more: Partial<AdmissionRequest> = {},
) => refusalBy(nodeRestriction, requestOf(kind, object, { caller, ...more }), look);

const owner = { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'uid-n1', controller: true };
const mirror = (spec: object = {}, ownerReferences: object[] = [owner]) =>
  objectOf(pod, 'p', {
    metadata: { annotations: { 'kubernetes.io/config.mirror': 'x' }, ownerReferences },
    spec: { nodeName: 'n1', containers: [{ name: 'c' }], ...spec },
  });
const mine = objectOf(pod, 'mine', { spec: { nodeName: 'n1', containers: [] } });
const theirs = objectOf(pod, 'theirs', { spec: { nodeName: 'n2', containers: [] } });
const look = lookOf([node, objectOf(node, 'n1')], [pod, mine], [pod, theirs]);

suite('nodeRestriction', () => {
  test('is about nodes alone, and about few kinds', () => {
    assert.equal(refusalBy(nodeRestriction, requestOf(pod, theirs, { operation: 'DELETE' }), look), '');
    assert.equal(asNode(configMap, objectOf(configMap, 'c')), '');
  });

  test('refuses a node that does not say which it is', () => {
    const nameless = { ...caller, name: 'system:node:' };
    assert.match(asNode(pod, mirror(), { caller: nameless }), /could not determine node from user "system:node:"$/);
  });

  test('a node creates mirror pods of its own only, which use no API objects', () => {
    const start = 'pods "p" is forbidden: ';
    assert.equal(asNode(pod, mirror()), '');
    assert.equal(
      asNode(pod, objectOf(pod, 'p', { spec: { nodeName: 'n1', containers: [] } })),
      `${start}pod does not have "kubernetes.io/config.mirror" annotation, node "n1" can only create mirror pods`,
    );
    assert.equal(
      asNode(pod, mirror({ nodeName: 'n2' })),
      `${start}node "n1" can only create pods with spec.nodeName set to itself`,
    );
    assert.match(asNode(pod, mirror({}, [])), /with an owner reference set to itself$/);
    assert.match(asNode(pod, mirror({}, [{ ...owner, uid: 'x' }])), /node n1 UID mismatch: expected x got uid-n1$/);
    assert.match(asNode(pod, mirror({ serviceAccountName: 'a' })), /that reference a service account$/);
    assert.match(asNode(pod, mirror({ volumes: [{ name: 'v', secret: {} }] })), /that reference secrets$/);
    const env = [{ name: 'e', valueFrom: { configMapKeyRef: { name: 'c', key: 'k' } } }];
    assert.match(asNode(pod, mirror({ containers: [{ name: 'c', env }] })), /that reference configmaps$/);
  });

  test('a node deletes and reports on pods bound to it', () => {
    assert.equal(asNode(pod, mine, { operation: 'DELETE' }), '');
    assert.equal(
      asNode(pod, theirs, { operation: 'DELETE' }),
      'pods "theirs" is forbidden: node "n1" can only delete pods with spec.nodeName set to itself',
    );
    assert.equal(asNode(pod, mine, { before: mine, subresource: 'status' }), '');
    assert.match(asNode(pod, theirs, { before: theirs, subresource: 'status' }), /can only update pod status for pods/);
    const labelled = { ...mine, metadata: { ...mine.metadata, labels: { a: 'b' } } };
    assert.match(
      asNode(pod, labelled, { before: mine, subresource: 'status' }),
      /cannot update labels through pod status$/,
    );
    assert.match(asNode(pod, mine, { before: mine }), /unexpected operation "UPDATE", node "n1" can only create and/);
    assert.match(asNode(pod, mine, { subresource: 'binding' }), /unexpected pod subresource "binding"/);
    assert.equal(asNode(pod, mine, { subresource: 'eviction' }), '');
    assert.match(asNode(pod, theirs, { subresource: 'eviction' }), /node n1 can only evict pods/);
  });

  test('a node changes itself, and neither its taints nor labels that steer pods', () => {
    const self = (labels: Record<string, string> = {}, taints: object[] = []) =>
      objectOf(node, 'n1', { metadata: { labels }, spec: { taints } });
    assert.equal(asNode(node, self({ 'kubernetes.io/hostname': 'n1', own: 'x', 'node.kubernetes.io/x': 'y' })), '');
    assert.equal(
      asNode(node, self({ 'node-role.kubernetes.io/x': '', 'a.node-restriction.kubernetes.io/b': '' })),
      'nodes "n1" is forbidden: node "n1" is not allowed to set the following labels: a.node-restriction.kubernetes.io/b, node-role.kubernetes.io/x',
    );
    assert.match(
      asNode(node, self({ 'node-restriction.kubernetes.io/b': '1' }), { before: self() }),
      /is not allowed to modify labels: node-restriction.kubernetes.io\/b$/,
    );
    assert.match(
      asNode(node, self(), { before: self({}, [{ key: 'k', effect: 'NoSchedule' }]) }),
      /is not allowed to modify taints$/,
    );
    assert.match(asNode(node, objectOf(node, 'n2')), /node "n1" is not allowed to modify node "n2"$/);
  });

  test('a node holds its own lease', () => {
    const leaseOf = (name: string, namespace = 'kube-node-lease') => objectOf(lease, name, { metadata: { namespace } });
    assert.equal(asNode(lease, leaseOf('n1')), '');
    assert.match(asNode(lease, leaseOf('n2')), /can only access node lease with the same name as the requesting node$/);
    assert.match(asNode(lease, leaseOf('n1', 'default')), /in the "kube-node-lease" system namespace$/);
  });

  test('a node gets tokens for pods it runs', () => {
    const ask = (boundObjectRef?: object) =>
      asNode(serviceAccount, objectOf(serviceAccount, 'a', { spec: { boundObjectRef } }), { subresource: 'token' });
    const bound = { apiVersion: 'v1', kind: 'Pod', name: 'mine', uid: 'uid-mine' };
    assert.equal(ask(bound), '');
    assert.match(ask(), /node requested token not bound to a pod$/);
    assert.match(ask({ ...bound, uid: '' }), /without a uid$/);
    assert.match(ask({ ...bound, uid: 'x' }), /the UID in the bound object reference \(x\) does not match/);
    assert.match(ask({ ...bound, name: 'theirs', uid: 'uid-theirs' }), /bound to a pod scheduled on a different node$/);
    assert.equal(ask({ ...bound, name: 'gone' }), 'pods "gone" not found');
  });
});
