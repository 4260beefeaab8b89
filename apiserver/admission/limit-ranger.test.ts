import assert from 'node:assert/strict';
import { limitRange } from '#lib/kinds/limit-range.ts';
import { persistentVolumeClaim } from '#lib/kinds/persistent-volume-claim.ts';
import { pod } from '#lib/kinds/pod.ts';
import { lookOf, objectOf, refusalBy, requestOf } from './fixture.ts';
import { limitRanger } from './limit-ranger.ts';

const limitsOf = (...limits: object[]) => lookOf([limitRange, objectOf(limitRange, 'l', { spec: { limits } })]);

const podOf = (...resources: object[]) =>
  objectOf(pod, 'p', { spec: { containers: resources.map((item, i) => ({ name: `c${i}`, resources: item })) } });

suite('limitRanger', () => {
  test('fills in what containers do not say, and tells so', () => {
    const look = limitsOf({
      type: 'Container',
      default: { cpu: '500m', memory: '512Mi' },
      defaultRequest: { cpu: '100m', memory: '256Mi' },
    });
    const request = requestOf(pod, podOf({ limits: { cpu: '2' }, requests: { cpu: '2' } }, {}));
    assert.equal(refusalBy(limitRanger, request, look), '');
    const [first, second] = request.object['spec'].containers;
    assert.deepEqual(first.resources, {
      limits: { cpu: '2', memory: '512Mi' },
      requests: { cpu: '2', memory: '256Mi' },
    });
    assert.deepEqual(second.resources, {
      limits: { cpu: '500m', memory: '512Mi' },
      requests: { cpu: '100m', memory: '256Mi' },
    });
    assert.deepEqual(request.object.metadata.annotations, {
      'kubernetes.io/limit-ranger':
        'LimitRanger plugin set: memory request for container c0; memory limit for container c0; cpu, memory request for container c1; cpu, memory limit for container c1',
    });
  });

  const cases: [title: string, item: object, resources: object[], because: string][] = [
    [
      'a minimum, nothing requested',
      { type: 'Container', min: { cpu: '50m' } },
      [{}],
      'minimum cpu usage per Container is 50m.  No request is specified',
    ],
    [
      'a minimum and too small a request',
      { type: 'Container', min: { memory: '100Mi' } },
      [{ requests: { memory: '50Mi' } }],
      'minimum memory usage per Container is 100Mi, but request is 50Mi',
    ],
    [
      'a maximum, nothing limited',
      { type: 'Container', max: { cpu: '1' } },
      [{}],
      'maximum cpu usage per Container is 1.  No limit is specified',
    ],
    [
      'a maximum and too large a limit',
      { type: 'Container', max: { cpu: '1' } },
      [{ limits: { cpu: '1500m' }, requests: { cpu: '1' } }],
      'maximum cpu usage per Container is 1, but limit is 1500m',
    ],
    [
      'a ratio',
      { type: 'Container', maxLimitRequestRatio: { cpu: '2' } },
      [{ limits: { cpu: '1' }, requests: { cpu: '300m' } }],
      'cpu max limit to request ratio per Container is 2, but provided ratio is 3.333333',
    ],
    [
      'the pod as a whole',
      { type: 'Pod', max: { memory: '1Gi' } },
      [{ limits: { memory: '600Mi' } }, { limits: { memory: '600Mi' } }],
      'maximum memory usage per Pod is 1Gi, but limit is 1200Mi',
    ],
    [
      'several at once',
      { type: 'Container', min: { cpu: '1' }, max: { memory: '1Gi' } },
      [{ requests: { cpu: '1m' } }],
      '[minimum cpu usage per Container is 1, but request is 1m, maximum memory usage per Container is 1Gi.  No limit is specified]',
    ],
  ];
  for (const [title, item, resources, because] of cases) {
    test(`refuses by ${title}`, () => {
      const text = refusalBy(limitRanger, requestOf(pod, podOf(...resources)), limitsOf(item));
      assert.equal(text, `pods "p" is forbidden: ${because}`);
    });
  }

  test('bounds the size of claims', () => {
    const look = limitsOf({ type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '5Gi' } });
    const ask = (storage: string) =>
      refusalBy(
        limitRanger,
        requestOf(
          persistentVolumeClaim,
          objectOf(persistentVolumeClaim, 'c', { spec: { resources: { requests: { storage } } } }),
        ),
        look,
      );
    const start = 'persistentvolumeclaims "c" is forbidden: ';
    assert.equal(ask('500Mi'), `${start}minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 500Mi`);
    assert.equal(ask('3Gi'), '');
    assert.equal(ask('6Gi'), `${start}maximum storage usage per PersistentVolumeClaim is 5Gi, but request is 6Gi`);
  });

  test('leaves updates alone, but for those that resize', () => {
    const look = limitsOf({ type: 'Container', min: { cpu: '1' } });
    const [now, before] = [podOf({}), podOf({})];
    assert.equal(refusalBy(limitRanger, requestOf(pod, now, { before }), look), '');
    assert.notEqual(refusalBy(limitRanger, requestOf(pod, now, { before, subresource: 'resize' }), look), '');
  });
});
