import assert from 'node:assert/strict';
import { checkObject } from '#lib/kinds/checks/metadata.ts';
import type { ClusterRole, ClusterRoleBinding } from '#lib/kinds/gen/rbac-v1.ts';
import { copy } from '#lib/meta/equal.ts';
import type { Resource } from '#lib/meta/object.ts';
import { controllerPrefix, controllerRoles, notOurs } from './controller-roles.ts';
import { correction, defaults } from './reconcile.ts';
import type { Wanted } from './reconcile.ts';

const wanted = (name: string, kind = 'ClusterRole') =>
  defaults().find((one) => one.kind.kind === kind && one.object.metadata.name === name)!;

/** The object as the API stores it. */
function stored({ kind, object }: Wanted): Resource {
  const { metadata, ...body } = copy(object);
  const own = { uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
  return { apiVersion: kind.apiVersion, kind: kind.kind, ...body, metadata: { ...metadata, ...own } } as Resource;
}

suite('correction()', () => {
  test('makes what is missing, and then has nothing to do', () => {
    for (const one of defaults()) {
      const name = one.object.metadata.name!;
      assert.deepEqual(correction(one, undefined), { do: 'create' });
      const object = stored(one);
      one.kind.defaults?.(object);
      assert.equal(correction(one, object), undefined, name);
      assert.deepEqual(checkObject(one.kind, object, undefined), [], name);
    }
  });

  test('adds the rules that lack, keeps those that somebody added, and is then content', () => {
    const one = wanted('system:node-proxier');
    const object = stored(one) as ClusterRole;
    const extra = { apiGroups: ['x'], resources: ['y'], verbs: ['z'] };
    object.rules = [extra, ...object.rules!.slice(1)];
    object.metadata.labels = { mine: 'too' };
    const next = correction(one, object);
    assert.ok(next?.do === 'update');
    const { rules, metadata } = next.object as ClusterRole;
    assert.deepEqual(rules![0], extra);
    assert.deepEqual(
      rules!.slice(-4).map((rule) => [rule.resources, rule.verbs]),
      [
        [['endpoints'], ['list']],
        [['endpoints'], ['watch']],
        [['services'], ['list']],
        [['services'], ['watch']],
      ],
    );
    assert.deepEqual(metadata.labels, { mine: 'too', 'kubernetes.io/bootstrapping': 'rbac-defaults' });
    assert.equal(correction(one, next.object), undefined);
  });

  test('adds subjects that lack, makes a binding of another role anew, and lets alone what asks for it', () => {
    const one = wanted('system:discovery', 'ClusterRoleBinding');
    const object = stored(one) as ClusterRoleBinding;
    object.subjects = [{ kind: 'User', name: 'jane' }];
    const next = correction(one, object);
    assert.ok(next?.do === 'update');
    assert.deepEqual(
      (next.object as ClusterRoleBinding).subjects!.map(({ name }) => name),
      ['jane', 'system:authenticated'],
    );
    const turned = { ...object, roleRef: { ...object.roleRef, name: 'other' } };
    assert.deepEqual(correction(one, turned), { do: 'replace' });
    turned.metadata = {
      ...turned.metadata,
      annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'false' },
    };
    assert.equal(correction(one, turned), undefined);
  });
});

suite('defaults()', () => {
  test('name each object once', () => {
    const keys = defaults().map(({ kind, object: { metadata } }) =>
      [kind.plural, metadata.namespace, metadata.name].join('/'),
    );
    assert.equal(new Set(keys).size, keys.length);
  });

  test('bind only roles that are there', () => {
    const roles = new Set(defaults().map(({ object }) => ('roleRef' in object ? '' : object.metadata.name)));
    for (const { object } of defaults()) if ('roleRef' in object) assert.ok(roles.has(object.roleRef.name));
  });

  test('the exceptions among controllers are controllers', () => {
    for (const name of notOurs) assert.ok(Object.hasOwn(controllerRoles, name), `${controllerPrefix}${name}`);
  });
});
