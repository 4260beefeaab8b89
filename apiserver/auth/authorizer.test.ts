import assert from 'node:assert/strict';
import { clusterRoleBinding } from '#lib/kinds/cluster-role-binding.ts';
import { clusterRole } from '#lib/kinds/cluster-role.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { persistentVolumeClaim } from '#lib/kinds/persistent-volume-claim.ts';
import { persistentVolume } from '#lib/kinds/persistent-volume.ts';
import { pod } from '#lib/kinds/pod.ts';
import { secret } from '#lib/kinds/secret.ts';
import { ExpiredPosition } from '../store/world-types.ts';
import type { World } from '../store/world-types.ts';
import { at, makeFixture } from '../verbs/fixture.ts';
import type { Fixture } from '../verbs/fixture.ts';
import { makeClusterAuthorizer } from './authorizer.ts';
import type { ClusterAuthorizer } from './authorizer.ts';

suite('makeClusterAuthorizer()', () => {
  let fixture: Fixture;
  let authorizer: ClusterAuthorizer;
  /** Tells the authorizer that its place in the world's history is gone. */
  let lose: () => void;

  setup(async () => {
    fixture = await makeFixture();
    const world = Object.create(fixture.world) as World;
    world.subscribe = (prefixes, after, handlers) => {
      const subscription = fixture.world.subscribe(prefixes, after, handlers);
      lose = () => {
        subscription.close();
        handlers.onLost(new ExpiredPosition('lost'));
      };
      return subscription;
    };
    authorizer = makeClusterAuthorizer(world, fixture.env);
  });

  teardown(async () => {
    authorizer.close();
    await fixture.stop();
  });

  const may = (name: string, verb: string, kind: Kind, group = '') =>
    authorizer.authorize(
      { name, groups: [group] },
      { verb, group: kind.group, plural: kind.plural, subresource: '', namespace: 'default', name: 's' },
    ).allowed;
  const role = { metadata: { name: 'r' }, rules: [{ verbs: ['get'], apiGroups: [''], resources: ['secrets'] }] };
  const binding = {
    metadata: { name: 'b' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'r' },
    subjects: [{ kind: 'User', name: 'jane' }],
  };

  test('authorize() follows roles and bindings as they come, change and go', async () => {
    await fixture.create(clusterRoleBinding, binding);
    await fixture.world.sync();
    assert.equal(may('jane', 'get', secret), false);
    await fixture.create(clusterRole, role);
    await fixture.world.sync();
    assert.ok(may('jane', 'get', secret));
    await fixture.verbs.update(fixture.caller, clusterRole, at('r', ''), { ...role, rules: [] });
    await fixture.world.sync();
    assert.equal(may('jane', 'get', secret), false);
  });

  test('authorize() goes on from the present state after the history was lost', async () => {
    await fixture.create(clusterRoleBinding, binding);
    await fixture.create(clusterRole, role);
    await fixture.world.sync();
    lose();
    assert.ok(may('jane', 'get', secret));
    await fixture.verbs.delete(fixture.caller, clusterRoleBinding, at('b', ''));
    await fixture.world.sync();
    assert.equal(may('jane', 'get', secret), false);
  });

  test('authorize() gives a node what its pods name, from their binding to their end', async () => {
    const spec = {
      containers: [{ name: 'c', image: 'i', envFrom: [{ secretRef: { name: 's' } }] }],
      terminationGracePeriodSeconds: 0,
    };
    const asNode = () => may('system:node:n1', 'get', secret, 'system:nodes');
    await fixture.create(pod, { metadata: { name: 'p' }, spec });
    const target = { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'p' }, target: { kind: 'Node', name: 'n1' } };
    await fixture.world.sync();
    assert.equal(asNode(), false);
    await fixture.verbs.createSubresource(fixture.caller, pod, at('p'), 'binding', target);
    await fixture.world.sync();
    assert.ok(asNode());
    lose();
    assert.ok(asNode());
    await fixture.verbs.delete(fixture.caller, pod, at('p'));
    await fixture.world.sync();
    assert.equal(asNode(), false);
  });

  test('authorize() gives a node the Secrets of volumes that its pods’ claims are bound to', async () => {
    const size = { storage: '1Gi' };
    const accessModes = ['ReadWriteOnce'];
    const asNode = () => may('system:node:n1', 'get', secret, 'system:nodes');
    const csi = { driver: 'd', volumeHandle: 'h', nodeStageSecretRef: { name: 's', namespace: 'default' } };
    /** A pod of the node with a claim that names a volume, which is bound to `owner`. */
    const use = async (name: string, owner: string) => {
      const claim = { accessModes, resources: { requests: size }, volumeName: name, storageClassName: '' };
      const claimRef = { namespace: 'default', name: owner };
      const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: name } }];
      const containers = [{ name: 'c', image: 'i' }];
      await fixture.create(pod, { metadata: { name }, spec: { containers, volumes, nodeName: 'n1' } });
      await fixture.create(persistentVolumeClaim, { metadata: { name }, spec: claim });
      await fixture.create(persistentVolume, {
        metadata: { name },
        spec: { capacity: size, accessModes, csi, claimRef },
      });
      await fixture.world.sync();
    };
    await use('taken', 'other');
    assert.equal(asNode(), false, 'the volume is another claim’s');
    await use('own', 'own');
    assert.ok(asNode());
  });

  test('rulesFor() says that a node’s rules are not all', () => {
    const { incompleteBecause } = authorizer.rulesFor({ name: 'system:node:n1', groups: ['system:nodes'] }, 'default');
    assert.equal(incompleteBecause, 'node authorizer does not support user rule resolution');
  });
});
