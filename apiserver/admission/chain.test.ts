import assert from 'node:assert/strict';
import { deployment } from '#lib/kinds/deployment.ts';
import { node } from '#lib/kinds/node.ts';
import { pod } from '#lib/kinds/pod.ts';
import { priorityClass } from '#lib/kinds/priority-class.ts';
import type { Attempt, Authorizer } from '../auth/authorize.ts';
import { alwaysPullImages } from './always-pull-images.ts';
import { makeAdmission } from './chain.ts';
import { extendedResourceToleration } from './extended-resource-toleration.ts';
import { lookOf, objectOf, refusalBy, requestOf } from './fixture.ts';
import { makeOwnerReferencesPermission } from './owner-references.ts';
import { priority } from './priority.ts';
import { taintNodesByCondition } from './taint-nodes.ts';

const authorize: Authorizer = () => ({ allowed: true, reason: '' });

suite('makeAdmission()', () => {
  const taintsAfter = (choice: object) => {
    const { admit } = makeAdmission({ random: () => 0, authorize, ...choice });
    const request = requestOf(node, objectOf(node, 'n', { spec: {} }));
    admit(request, lookOf());
    return request.object['spec'].taints;
  };

  test('runs what is usual, less what is disabled', () => {
    assert.equal(taintsAfter({}).length, 1);
    assert.equal(taintsAfter({ disable: ['TaintNodesByCondition'] }), undefined);
    assert.throws(() => taintsAfter({ enable: ['Nonsense'] }), /there is no plugin "Nonsense"/);
  });
});

suite('the order of plugins', () => {
  test('is upstream’s, in both phases', () => {
    const upstream = [
      ...['NamespaceLifecycle', 'LimitRanger', 'ServiceAccount', 'NodeRestriction', 'TaintNodesByCondition'],
      ...['AlwaysPullImages', 'PodSecurity', 'Priority', 'DefaultTolerationSeconds', 'ExtendedResourceToleration'],
      ...['DefaultStorageClass', 'StorageObjectInUseProtection', 'OwnerReferencesPermissionEnforcement'],
      ...['PersistentVolumeClaimResize', 'RuntimeClass', 'CertificateApproval', 'CertificateSigning'],
      ...['CertificateSubjectRestriction', 'DefaultIngressClass'],
    ];
    const seen = { admit: [] as string[], validate: [] as string[] };
    makeAdmission({
      random: () => 0,
      authorize,
      enable: upstream,
      around: (plugin, phase, rule) => {
        seen[phase].push(plugin);
        return rule;
      },
    });
    assert.deepEqual([...new Set([...seen.admit, ...seen.validate])].toSorted(), upstream.toSorted());
    for (const phase of [seen.admit, seen.validate])
      assert.deepEqual(
        phase,
        upstream.filter((name) => phase.includes(name)),
      );
  });
});

suite('taintNodesByCondition', () => {
  test('taints new nodes once', () => {
    const taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };
    const request = requestOf(node, objectOf(node, 'n', { spec: {} }));
    refusalBy(taintNodesByCondition, request);
    refusalBy(taintNodesByCondition, request);
    assert.deepEqual(request.object['spec'].taints, [taint]);
  });
});

suite('priority', () => {
  test('only one class is the default', () => {
    const look = lookOf([priorityClass, objectOf(priorityClass, 'a', { globalDefault: true })]);
    const of = (name: string, globalDefault: boolean) =>
      refusalBy(priority, requestOf(priorityClass, objectOf(priorityClass, name, { globalDefault })), look);
    assert.equal(of('a', true), '');
    assert.equal(of('b', false), '');
    assert.match(of('b', true), /PriorityClass a is already marked as default. Only one default can exist$/);
  });
});

suite('plugins that are off', () => {
  test('extendedResourceToleration bears the taints of what pods ask for', () => {
    const resources = { requests: { cpu: '1', 'example.com/gpu': '1' } };
    const request = requestOf(pod, objectOf(pod, 'p', { spec: { containers: [{ name: 'c', resources }] } }));
    refusalBy(extendedResourceToleration, request);
    assert.deepEqual(request.object['spec'].tolerations, [{ key: 'example.com/gpu', operator: 'Exists' }]);
  });

  test('alwaysPullImages changes the policy of every container, and of images as volumes', () => {
    const spec = {
      containers: [{ name: 'c' }],
      initContainers: [{ name: 'i', imagePullPolicy: 'Never' }],
      volumes: [
        { name: 'e', emptyDir: {} },
        { name: 'v', image: { reference: 'r', pullPolicy: 'Never' } },
      ],
    };
    const request = requestOf(pod, objectOf(pod, 'p', { spec }));
    refusalBy(alwaysPullImages, request);
    assert.equal(request.object['spec'].initContainers[0].imagePullPolicy, 'Always');
    assert.equal(request.object['spec'].volumes[1].image.pullPolicy, 'Always');
  });

  test('makeOwnerReferencesPermission() asks for the rights that owners give', () => {
    const ask = (allowed: string[], blockOwnerDeletion = true) => {
      const may: Authorizer = (_caller, attempt) => {
        const { verb, plural, subresource } = attempt as Attempt;
        return { allowed: allowed.includes(`${verb} ${plural}${subresource && `/${subresource}`}`), reason: 'no' };
      };
      const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd', uid: 'u', blockOwnerDeletion };
      const object = objectOf(pod, 'p', { metadata: { ownerReferences: [owner] } });
      const plugin = makeOwnerReferencesPermission(may, (_version, kind) =>
        kind === 'Deployment' ? deployment : undefined,
      );
      return refusalBy(plugin, requestOf(pod, object));
    };
    assert.match(ask([]), /cannot set an ownerRef on a resource you can't delete: no, <nil>$/);
    assert.match(ask(['delete pods']), /refers to a resource you can't set finalizers on: no, <nil>$/);
    assert.equal(ask(['delete pods', 'update deployments/finalizers']), '');
    assert.equal(ask(['delete pods'], false), '');
  });
});
