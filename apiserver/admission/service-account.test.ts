import assert from 'node:assert/strict';
import { pod } from '#lib/kinds/pod.ts';
import { serviceAccount } from '#lib/kinds/service-account.ts';
import type { Loose } from '../verbs/fixture.ts';
import { lookOf, objectOf, refusalBy, requestOf } from './fixture.ts';
import { makeServiceAccountAdmission } from './service-account.ts';

const plugin = makeServiceAccountAdmission(() => 0);
const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const account = (more: Record<string, unknown> = {}) => objectOf(serviceAccount, 'default', { ...more });
const podOf = (spec: object = {}, metadata: object = {}) =>
  objectOf(pod, 'p', { metadata, spec: { containers: [{ name: 'c' }], ...spec } });
const refused = (object: Loose, own = account(), more: object = {}) =>
  refusalBy(plugin, requestOf(pod, object, more), lookOf([serviceAccount, own]));

suite('serviceAccount admission', () => {
  test('gives a pod the default account, its token and its pull secrets', () => {
    const object = podOf({ initContainers: [{ name: 'i' }] });
    assert.equal(refused(object, account({ imagePullSecrets: [{ name: 'r' }] })), '');
    const { spec } = object;
    assert.deepEqual([spec.serviceAccountName, spec.serviceAccount], ['default', 'default']);
    assert.deepEqual(spec.imagePullSecrets, [{ name: 'r' }]);
    const [volume] = spec.volumes;
    assert.match(volume.name, /^kube-api-access-/);
    assert.deepEqual(
      volume.projected.sources.map((source: object) => Object.keys(source)[0]),
      ['serviceAccountToken', 'configMap', 'downwardAPI'],
    );
    for (const { volumeMounts } of [...spec.containers, ...spec.initContainers])
      assert.deepEqual(volumeMounts, [{ name: volume.name, readOnly: true, mountPath }]);
  });

  test('gives no token where the pod or else its account declines, or where something else is mounted', () => {
    const volumes = (spec: object, own = account()) => {
      const object = podOf(spec);
      assert.equal(refused(object, own), '');
      return object['spec'].volumes?.length ?? 0;
    };
    const declining = account({ automountServiceAccountToken: false });
    assert.equal(volumes({}, declining), 0);
    assert.equal(volumes({ automountServiceAccountToken: true }, declining), 1);
    assert.equal(volumes({ automountServiceAccountToken: false }), 0);
    assert.equal(volumes({ containers: [{ name: 'c', volumeMounts: [{ name: 'x', mountPath }] }] }), 0);
  });

  test('refuses an account that is not there', () => {
    assert.equal(
      refused(podOf({ serviceAccountName: 'none' })),
      'pods "p" is forbidden: error looking up service account default/none: serviceaccount "none" not found',
    );
  });

  test('lets the image of a node’s own pod use nothing of the API', () => {
    const mirror = (spec: object) => refused(podOf(spec, { annotations: { 'kubernetes.io/config.mirror': 'x' } }));
    const forbidden = 'pods "p" is forbidden: a mirror pod may not';
    assert.equal(mirror({}), '');
    assert.equal(mirror({ serviceAccountName: 'default' }), `${forbidden} reference service accounts`);
    assert.equal(mirror({ volumes: [{ name: 'v', secret: { secretName: 's' } }] }), `${forbidden} reference secrets`);
    assert.equal(
      mirror({ volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 'x' } }] } }] }),
      `${forbidden} use ServiceAccountToken volume projections`,
    );
  });

  suite('an account that holds its pods to its Secrets', () => {
    const strict = account({
      metadata: { annotations: { 'kubernetes.io/enforce-mountable-secrets': 'true' } },
      secrets: [{ name: 'mine' }],
      imagePullSecrets: [{ name: 'pull' }],
    });
    const env = (name: string) => [{ name: 'E', valueFrom: { secretKeyRef: { name, key: 'k' } } }];
    const because = 'is not allowed because service account default does not reference that';
    const cases: [spec: object, refusal: string][] = [
      [{ volumes: [{ name: 'v', secret: { secretName: 'mine' } }] }, ''],
      [
        { volumes: [{ name: 'v', secret: { secretName: 'other' } }] },
        `volume with secret.secretName="other" ${because} secret`,
      ],
      [{ containers: [{ name: 'c', env: env('mine'), envFrom: [{ secretRef: { name: 'mine' } }] }] }, ''],
      [
        { containers: [{ name: 'c', env: env('other') }] },
        `container c with envVar E referencing secret.secretName="other" ${because} secret`,
      ],
      [
        { initContainers: [{ name: 'i', env: env('other') }] },
        `init container i with envVar E referencing secret.secretName="other" ${because} secret`,
      ],
      [
        { containers: [{ name: 'c', envFrom: [{ secretRef: { name: 'other' } }] }] },
        `container c with envFrom referencing secret.secretName="other" ${because} secret`,
      ],
      [{ imagePullSecrets: [{ name: 'pull' }] }, ''],
      [
        { imagePullSecrets: [{ name: 'pull' }, { name: 'other' }] },
        `imagePullSecrets[1].name="other" ${because} imagePullSecret`,
      ],
    ];
    for (const [spec, refusal] of cases)
      test(refusal === '' ? `lets pass ${JSON.stringify(spec)}` : `says: ${refusal}`, () => {
        assert.equal(refused(podOf(spec), strict), refusal && `pods "p" is forbidden: ${refusal}`);
      });

    test('holds containers for debugging to them as well', () => {
      const object = podOf({ serviceAccountName: 'default', ephemeralContainers: [{ name: 'd', env: env('other') }] });
      assert.equal(
        refused(object, strict, { before: podOf(), subresource: 'ephemeralcontainers' }),
        `pods "p" is forbidden: ephemeral container d with envVar E referencing secret.secretName="other" ${because} secret`,
      );
    });
  });
});
