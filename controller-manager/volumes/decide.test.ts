import assert from 'node:assert/strict';
import type { PersistentVolume, PersistentVolumeClaim } from '#lib/kinds/gen/core-v1.ts';
import { node } from '#lib/kinds/node.ts';
import { persistentVolumeClaim } from '#lib/kinds/persistent-volume-claim.ts';
import { persistentVolume } from '#lib/kinds/persistent-volume.ts';
import { pod } from '#lib/kinds/pod.ts';
import { storageClass } from '#lib/kinds/storage-class.ts';
import { makeTestWorld } from '../testing/world.ts';
import type { TestWorld } from '../testing/world.ts';
import type { Action } from '#lib/control/types.ts';
import { decideClaim, decideVolume } from './decide.ts';

function putVolume(world: TestWorld, name: string, storage: string, spec: object = {}): PersistentVolume {
  const full = {
    capacity: { storage },
    accessModes: ['ReadWriteOnce'],
    persistentVolumeReclaimPolicy: 'Retain',
    ...spec,
  };
  return world.put(persistentVolume, { metadata: { name }, spec: full });
}

function putClaim(world: TestWorld, name: string, storage: string, spec: object = {}): PersistentVolumeClaim {
  const full = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } }, storageClassName: '', ...spec };
  return world.put(persistentVolumeClaim, { metadata: { name }, spec: full });
}

/** The shell builds later writes of one object on the version that earlier ones made. */
function applyFresh(world: TestWorld, actions: readonly Action[]): void {
  for (const action of actions) {
    if (action.do !== 'update' && action.do !== 'status') world.apply([action]);
    else {
      const { name, namespace = '' } = action.object.metadata;
      const { resourceVersion } = world.find(action.kind, { namespace, name })!.metadata;
      world.apply([
        { ...action, object: { ...action.object, metadata: { ...action.object.metadata, resourceVersion } } },
      ]);
    }
  }
}

function settle(world: TestWorld): void {
  for (let round = 0; round < 12; round++) {
    let acted = false;
    for (const volume of world.list(persistentVolume)) {
      const uid = volume.spec.claimRef?.uid;
      const claim = world.list(persistentVolumeClaim).find(({ metadata }) => metadata.uid === uid);
      const actions = decideVolume({ volume, claim });
      acted ||= actions.length > 0;
      applyFresh(world, actions);
    }
    for (const claim of world.list(persistentVolumeClaim)) {
      const actions = decideClaim({
        claim,
        volumes: world.list(persistentVolume),
        classes: world.list(storageClass),
        users: world
          .list(pod)
          .filter(({ spec }) =>
            spec.volumes?.some((volume) => volume.persistentVolumeClaim?.claimName === claim.metadata.name),
          ),
        nodeOf: (name) => world.find(node, { namespace: '', name }),
        anyNode: undefined,
      });
      acted ||= actions.some((action) => action.do !== 'event');
      applyFresh(world, actions);
    }
    if (!acted) return;
  }
  assert.fail('Still acting after 12 rounds');
}

const phases = (world: TestWorld) => [
  ...world.list(persistentVolume).map(({ metadata, status }) => `${metadata.name} ${status?.phase}`),
  ...world
    .list(persistentVolumeClaim)
    .map(({ metadata, status, spec }) => `${metadata.name} ${status?.phase} ${spec.volumeName ?? '-'}`),
];

suite('volumes decide', () => {
  test('a claim gets the smallest volume that suits it', () => {
    const world = makeTestWorld();
    putVolume(world, 'small', '1Gi');
    putVolume(world, 'large', '10Gi');
    putVolume(world, 'fits', '5Gi');
    putVolume(world, 'other-class', '5Gi', { storageClassName: 'gold' });
    putClaim(world, 'c', '4Gi');
    settle(world);
    assert.deepEqual(phases(world), [
      'small Available',
      'large Available',
      'fits Bound',
      'other-class Available',
      'c Bound fits',
    ]);
    assert.deepEqual(world.get(persistentVolumeClaim, 'c').status?.capacity, { storage: '5Gi' });
    assert.equal(
      world.get(persistentVolume, 'fits').spec.claimRef?.uid,
      world.get(persistentVolumeClaim, 'c').metadata.uid,
    );
  });

  test('two claims never share a volume, and one waits with a word of it', () => {
    const world = makeTestWorld();
    putVolume(world, 'only', '5Gi');
    putClaim(world, 'a', '1Gi');
    putClaim(world, 'b', '1Gi');
    settle(world);
    assert.deepEqual(phases(world), ['only Bound', 'a Bound only', 'b Pending -']);
    assert.ok(
      world.events.includes(
        'FailedBinding: no persistent volumes available for this claim and no storage class is set',
      ),
    );
  });

  test('a volume is released when its claim goes, and kept', () => {
    const world = makeTestWorld();
    putVolume(world, 'v', '5Gi');
    const claim = putClaim(world, 'a', '1Gi');
    settle(world);
    world.remove(persistentVolumeClaim, claim);
    putClaim(world, 'next', '1Gi');
    settle(world);
    assert.deepEqual(phases(world), ['v Released', 'next Pending -']);
  });

  test('a claim that waits for its first user gets a folder on the node of that user, which goes with the claim', () => {
    const world = makeTestWorld();
    const metadata = { name: 'local', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } };
    world.put(storageClass, {
      metadata,
      provisioner: 'wherry.local/folder',
      volumeBindingMode: 'WaitForFirstConsumer',
      reclaimPolicy: 'Delete',
    });
    world.put(node, { metadata: { name: 'n1', labels: { 'kubernetes.io/hostname': 'host-1' } }, spec: {} });
    const claim = putClaim(world, 'c', '1Gi', { storageClassName: undefined });
    settle(world);
    assert.deepEqual(phases(world), ['c Pending -']);
    assert.ok(world.events.some((event) => event.startsWith('WaitForFirstConsumer')));
    const volumes = [{ name: 'd', persistentVolumeClaim: { claimName: 'c' } }];
    const user = world.put(pod, { metadata: { name: 'p' }, spec: { nodeName: 'n1', containers: [], volumes } });
    settle(world);
    const name = `pvc-${claim.metadata.uid}`;
    assert.deepEqual(phases(world), [`${name} Bound`, `c Bound ${name}`]);
    const { spec } = world.get(persistentVolume, name);
    assert.equal(spec.hostPath?.path, `/var/lib/wherry/volumes/${name}`);
    assert.deepEqual(spec.nodeAffinity?.required?.nodeSelectorTerms[0]?.matchExpressions?.[0]?.values, ['host-1']);
    const { uid } = claim.metadata;
    const remove: Action = {
      do: 'delete',
      kind: persistentVolumeClaim,
      target: { namespace: 'default', name: 'c' },
      uid,
    };
    world.apply([remove]);
    settle(world);
    assert.equal(world.list(persistentVolumeClaim).length, 1, 'kept while a pod uses it');
    world.remove(pod, user);
    settle(world);
    assert.deepEqual(phases(world), []);
  });

  test('a bound claim that lost its volume says so', () => {
    const world = makeTestWorld();
    const volume = putVolume(world, 'v', '5Gi');
    putClaim(world, 'a', '1Gi');
    settle(world);
    world.remove(persistentVolume, volume);
    settle(world);
    assert.deepEqual(phases(world), ['a Lost v']);
    assert.ok(world.events.some((event) => event.startsWith('ClaimLost: ')));
  });
});
