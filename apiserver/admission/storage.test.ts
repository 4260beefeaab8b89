import assert from 'node:assert/strict';
import { ingressClass } from '#lib/kinds/ingress-class.ts';
import { ingress } from '#lib/kinds/ingress.ts';
import { persistentVolumeClaim as claim } from '#lib/kinds/persistent-volume-claim.ts';
import { persistentVolume } from '#lib/kinds/persistent-volume.ts';
import { storageClass } from '#lib/kinds/storage-class.ts';
import { claimResize } from './claim-resize.ts';
import { defaultIngressClass } from './default-ingress-class.ts';
import { defaultStorageClass } from './default-storage-class.ts';
import { lookOf, objectOf, refusalBy, requestOf } from './fixture.ts';
import { storageObjectInUseProtection } from './storage-protection.ts';

const defaultClass = (kind: typeof storageClass, name: string, key: string, creationTimestamp: string) =>
  objectOf(kind, name, { metadata: { creationTimestamp, annotations: { [key]: 'true' } } });

suite('defaultStorageClass', () => {
  const key = 'storageclass.kubernetes.io/is-default-class';
  const look = lookOf(
    [storageClass, objectOf(storageClass, 'plain')],
    [storageClass, defaultClass(storageClass, 'old', key, '2026-01-01T00:00:00Z')],
    [storageClass, defaultClass(storageClass, 'new-b', key, '2026-02-01T00:00:00Z')],
    [storageClass, defaultClass(storageClass, 'new-a', key, '2026-02-01T00:00:00Z')],
  );
  const classOf = (spec: object, metadata: object = {}) => {
    const request = requestOf(claim, objectOf(claim, 'c', { metadata, spec }));
    assert.equal(refusalBy(defaultStorageClass, request, look), '');
    return request.object['spec'].storageClassName;
  };

  test('gives the newest default to claims that name none', () => {
    assert.equal(classOf({}), 'new-a');
    assert.equal(classOf({ storageClassName: '' }), '');
    assert.equal(classOf({ storageClassName: 'plain' }), 'plain');
    assert.equal(classOf({}, { annotations: { 'volume.beta.kubernetes.io/storage-class': 'x' } }), undefined);
  });
});

suite('defaultIngressClass', () => {
  const key = 'ingressclass.kubernetes.io/is-default-class';
  const only = objectOf(ingressClass, 'nginx', { metadata: { annotations: { [key]: 'true' } } });

  test('gives the default to Ingresses that name none', () => {
    const classOf = (spec: object, metadata: object = {}) => {
      const request = requestOf(ingress, objectOf(ingress, 'i', { metadata, spec }));
      assert.equal(refusalBy(defaultIngressClass, request, lookOf([ingressClass, only])), '');
      return request.object['spec'].ingressClassName;
    };
    assert.equal(classOf({}), 'nginx');
    assert.equal(classOf({ ingressClassName: 'own' }), 'own');
    assert.equal(classOf({}, { annotations: { 'kubernetes.io/ingress.class': 'x' } }), undefined);
  });
});

suite('storageObjectInUseProtection', () => {
  test('adds the finalizer once', () => {
    const finalizersOf = (kind: typeof claim | typeof persistentVolume, finalizers?: string[]) => {
      const request = requestOf(kind, objectOf(kind, 'v', { metadata: { finalizers } }));
      assert.equal(refusalBy(storageObjectInUseProtection, request), '');
      return request.object.metadata.finalizers;
    };
    assert.deepEqual(finalizersOf(claim), ['kubernetes.io/pvc-protection']);
    assert.deepEqual(finalizersOf(persistentVolume, ['own']), ['own', 'kubernetes.io/pv-protection']);
    assert.deepEqual(finalizersOf(claim, ['kubernetes.io/pvc-protection']), ['kubernetes.io/pvc-protection']);
  });
});

suite('claimResize', () => {
  const look = lookOf(
    [storageClass, objectOf(storageClass, 'grows', { allowVolumeExpansion: true })],
    [storageClass, objectOf(storageClass, 'fixed')],
  );
  const of = (storage: string, storageClassName: string, phase: string) =>
    objectOf(claim, 'c', { spec: { storageClassName, resources: { requests: { storage } } }, status: { phase } });
  const grow = (name: string, phase: string, to = '2Gi') =>
    refusalBy(claimResize, requestOf(claim, of(to, name, phase), { before: of('1Gi', name, phase) }), look);

  test('lets bound claims of a class that can do it grow', () => {
    const start = 'persistentvolumeclaims "c" is forbidden: ';
    assert.equal(grow('grows', 'Bound'), '');
    assert.equal(grow('fixed', 'Pending', '1Gi'), '');
    assert.equal(grow('grows', 'Pending'), `${start}Only bound persistent volume claims can be expanded`);
    assert.equal(
      grow('fixed', 'Bound'),
      `${start}only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize`,
    );
  });
});
