import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { ClusterRole, PolicyRule, Subject } from '#lib/kinds/gen/rbac-v1.ts';
import { isPathAttempt } from '../authorize.ts';
import type { Attempt, PathAttempt } from '../authorize.ts';
import type { Caller } from '../../verbs/types.ts';
import { ruleAllows } from './match.ts';
import { makePolicy } from './policy.ts';
import type { BindingObject, Policy, RoleObject } from './policy.ts';

const attempt = (verb: string, plural: string, extra: Partial<Attempt> = {}): Attempt => ({
  verb,
  group: '',
  plural,
  subresource: '',
  namespace: '',
  name: '',
  ...extra,
});
const metadata = (name: string, namespace?: string) =>
  ({ name, ...(namespace !== undefined && { namespace }) }) as RoleObject['metadata'];
const roleObject = (name: string, rules: PolicyRule[], namespace?: string): RoleObject =>
  ({ metadata: metadata(name, namespace), rules }) as ClusterRole;
const bindingObject = (name: string, ref: string, subjects: Subject[], namespace?: string): BindingObject => {
  const [kind = '', role = ''] = ref.split('/');
  return {
    metadata: metadata(name, namespace),
    roleRef: { apiGroup: 'g', kind, name: role },
    subjects,
  } as BindingObject;
};
const jane: Caller = { name: 'jane', groups: ['dev', 'system:authenticated'] };
const user = (name: string): Subject => ({ kind: 'User', name });
const readPods: PolicyRule = { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] };

suite('makePolicy()', () => {
  let policy: Policy;

  setup(() => {
    policy = makePolicy();
  });

  const may = (wanted: Attempt | PathAttempt, caller = jane) => policy.decide(caller, wanted).allowed;

  test('decide() grants by cluster bindings everywhere, by others in their namespace', () => {
    policy.setRole('reader', roleObject('reader', [readPods]));
    policy.setBinding('b', bindingObject('b', 'ClusterRole/reader', [user('jane')], 'a'));
    assert.deepEqual(
      ['a', 'b', ''].map((namespace) => may(attempt('list', 'pods', { namespace }))),
      [true, false, false],
    );
    policy.setBinding('b', bindingObject('b', 'ClusterRole/reader', [{ kind: 'Group', name: 'dev' }]));
    assert.deepEqual(
      ['a', 'b', ''].map((namespace) => may(attempt('list', 'pods', { namespace }))),
      [true, true, true],
    );
    policy.setBinding('b', undefined);
    assert.equal(may(attempt('list', 'pods', { namespace: 'a' })), false);
  });

  test('decide() says by which binding, and which roles are named in vain', () => {
    policy.setRole('reader', roleObject('reader', [readPods], 'a'));
    const account: Subject = { kind: 'ServiceAccount', name: 'bot' };
    policy.setBinding('b', bindingObject('b', 'Role/reader', [account], 'a'));
    const bot: Caller = { name: 'system:serviceaccount:a:bot', groups: [] };
    const wanted = attempt('get', 'pods', { namespace: 'a' });
    assert.deepEqual(policy.decide(bot, wanted), {
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "b/a" of Role "reader" to ServiceAccount "bot/a"',
    });
    policy.setRole('reader', undefined);
    assert.deepEqual(policy.decide(bot, wanted), {
      allowed: false,
      reason: 'RBAC: role.rbac.authorization.k8s.io "reader" not found',
    });
  });

  test('decide() knows subresources, names and paths by their wildcards', () => {
    const rules: PolicyRule[] = [
      { verbs: ['get'], apiGroups: ['*'], resources: ['*/scale'] },
      { verbs: ['update'], apiGroups: [''], resources: ['configmaps'], resourceNames: ['one'] },
      { verbs: ['*'], apiGroups: ['batch'], resources: ['*'] },
      { verbs: ['get'], nonResourceURLs: ['/api/*', '/version'] },
    ];
    policy.setRole('r', roleObject('r', rules));
    policy.setBinding('b', bindingObject('b', 'ClusterRole/r', [user('jane')]));
    const asked: [Attempt | PathAttempt, boolean][] = [
      [attempt('get', 'deployments', { group: 'apps', subresource: 'scale' }), true],
      [attempt('get', 'deployments', { group: 'apps' }), false],
      [attempt('get', 'deployments', { group: 'apps', subresource: 'status' }), false],
      [attempt('update', 'configmaps', { name: 'one' }), true],
      [attempt('update', 'configmaps', { name: 'two' }), false],
      [attempt('update', 'configmaps'), false],
      [attempt('explode', 'jobs', { group: 'batch', subresource: 'status' }), true],
      [{ verb: 'get', path: '/api/v1' }, true],
      [{ verb: 'get', path: '/api' }, false],
      [{ verb: 'get', path: '/version' }, true],
      [{ verb: 'post', path: '/version' }, false],
    ];
    for (const [wanted, allowed] of asked) assert.equal(may(wanted), allowed, JSON.stringify(wanted));
  });

  test('decide() agrees with reading all bindings one after the other', () => {
    const name = fc.constantFrom('a', 'b', '*');
    const names = fc.array(name, { minLength: 1, maxLength: 2 });
    const rule = fc.record({
      verbs: names,
      apiGroups: names,
      resources: fc.array(fc.constantFrom('a', 'b', '*', 'a/s', '*/s'), { minLength: 1, maxLength: 2 }),
      resourceNames: fc.array(fc.constantFrom('a', 'b'), { maxLength: 1 }),
    });
    const place = fc.constantFrom(undefined, 'x', 'y');
    const subject = fc.oneof(
      fc.record({ kind: fc.constantFrom('User', 'Group'), name: fc.constantFrom('a', 'b') }),
      fc.record({
        kind: fc.constant('ServiceAccount'),
        name: fc.constantFrom('a', 'b'),
        namespace: fc.constantFrom('x', ''),
      }),
    );
    const roles = fc.array(fc.tuple(fc.constantFrom('r', 's'), fc.array(rule, { maxLength: 2 }), place), {
      maxLength: 4,
    });
    const bindings = fc.array(
      fc.tuple(
        fc.constantFrom('p', 'q'),
        fc.constantFrom('Role/r', 'Role/s', 'ClusterRole/r', 'ClusterRole/s'),
        fc.array(subject, { maxLength: 2 }),
        place,
      ),
      { maxLength: 6 },
    );
    const caller = fc.record({
      name: fc.constantFrom('a', 'b', 'system:serviceaccount:x:a', 'system:serviceaccount:y:b'),
      groups: fc.array(fc.constantFrom('a', 'b'), { maxLength: 2 }),
    });
    const wanted = fc.record({
      verb: fc.constantFrom('a', 'b'),
      group: fc.constantFrom('a', 'b'),
      plural: fc.constantFrom('a', 'b'),
      subresource: fc.constantFrom('', 's'),
      namespace: fc.constantFrom('', 'x', 'y'),
      name: fc.constantFrom('', 'a', 'b'),
    });
    fc.assert(
      fc.property(roles, bindings, caller, wanted, (roleList, bindingList, who, what) => {
        const fresh = makePolicy();
        const kept = new Map<string, RoleObject>();
        for (const [id, rules, namespace] of roleList) {
          const key = `${namespace ?? ''}/${id}`;
          kept.set(key, roleObject(id, rules, namespace));
          fresh.setRole(key, kept.get(key));
        }
        const bound = new Map<string, BindingObject>();
        for (const [id, ref, subjects, namespace] of bindingList) {
          const key = `${namespace ?? ''}/${id}`;
          bound.set(key, bindingObject(id, ref, subjects, namespace));
          fresh.setBinding(key, bound.get(key));
        }
        assert.equal(fresh.decide(who, what).allowed, naively(kept, [...bound.values()], who, what));
      }),
      { numRuns: 1000 },
    );
  });

  test('decide() stays quick among many bindings of others', () => {
    policy.setRole('reader', roleObject('reader', [readPods]));
    for (let i = 0; i < 5000; i++)
      policy.setBinding(`b${i}`, bindingObject(`b${i}`, 'ClusterRole/reader', [user(`u${i}`)], `n${i % 50}`));
    policy.setBinding('own', bindingObject('own', 'ClusterRole/reader', [user('jane')], 'n1'));
    // Looking at every binding would take minutes: this is about how much is looked at, not about the machine.
    for (let i = 0; i < 200_000; i++) assert.ok(may(attempt('list', 'pods', { namespace: 'n1' })));
  });
});

/** Upstream's way: every binding, every subject, every rule. */
function naively(
  roles: ReadonlyMap<string, RoleObject>,
  bindings: readonly BindingObject[],
  { name, groups }: Caller,
  wanted: Attempt | PathAttempt,
): boolean {
  const within = isPathAttempt(wanted) ? '' : wanted.namespace;
  return bindings.some(({ metadata: { namespace = '' }, roleRef, subjects = [] }) => {
    if (namespace !== '' && namespace !== within) return false;
    const isMeant = subjects.some((subject) => {
      if (subject.kind === 'User') return subject.name === name;
      if (subject.kind === 'Group') return groups.includes(subject.name);
      const home = subject.namespace || namespace;
      return home !== '' && name === `system:serviceaccount:${home}:${subject.name}`;
    });
    const role = roles.get(`${roleRef.kind === 'ClusterRole' ? '' : namespace}/${roleRef.name}`);
    const exists = role !== undefined && (roleRef.kind === 'ClusterRole' || namespace !== '');
    return isMeant && exists && (role.rules ?? []).some((rule) => ruleAllows(rule, wanted));
  });
}
