import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { PolicyRule } from '#lib/kinds/gen/rbac-v1.ts';
import { rulesText, uncovered } from './covers.ts';
import { ruleAllows } from './match.ts';
import { allow, allowPaths } from './defaults/rule.ts';

suite('uncovered()', () => {
  const cases: [title: string, owned: PolicyRule[], wanted: PolicyRule[], lacking: string][] = [
    ['nothing lacks what is owned as it is', [allow('get', 'apps', 'a b')], [allow('get', 'apps', 'b')], ''],
    [
      'what lacks is told by resource, verbs together',
      [allow('get', 'core', 'pods')],
      [allow('get list watch', 'core', 'pods secrets')],
      '{APIGroups:[""], Resources:["pods"], Verbs:["list" "watch"]}\n{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list" "watch"]}',
    ],
    [
      'several owned rules cover one together',
      [allow('get', 'core', 'pods'), allow('list', '*', '*')],
      [allow('get list', 'core', 'pods')],
      '',
    ],
    [
      'a right to some names is not one to all, but covers those names',
      [allow('get', 'core', 'secrets', 'x y')],
      [allow('get', 'core', 'secrets', 'x'), allow('get', 'core', 'secrets')],
      '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}',
    ],
    [
      'names that lack are told',
      [],
      [allow('get', 'core', 'secrets', 'x')],
      '{APIGroups:[""], Resources:["secrets"], ResourceNames:["x"], Verbs:["get"]}',
    ],
    ['a subresource of all covers that of one', [allow('get', '*', '*/scale')], [allow('get', 'apps', 'd/scale')], ''],
    [
      'paths are covered by prefixes only',
      [allowPaths('get', '/api/*')],
      [allowPaths('get', '/api/* /api/v1 /other')],
      '{NonResourceURLs:["/other"], Verbs:["get"]}',
    ],
    [
      'every verb is more than each that one knows',
      [allow('get list watch', 'core', 'pods')],
      [allow('*', 'core', 'pods')],
      '{APIGroups:[""], Resources:["pods"], Verbs:["*"]}',
    ],
  ];
  for (const [title, owned, wanted, lacking] of cases) {
    test(title, () => assert.equal(rulesText(uncovered(owned, wanted)), lacking));
  }

  test('whoever lacks nothing can do everything that they give away', () => {
    const some = (...items: string[]) => fc.array(fc.constantFrom(...items), { minLength: 1, maxLength: 2 });
    const onResources = fc.record({
      verbs: some('a', 'b', '*'),
      apiGroups: some('a', 'b', '*'),
      resources: some('a', 'b', 'a/s', '*/s', '*'),
      resourceNames: fc.array(fc.constantFrom('a', 'b'), { maxLength: 2 }),
    });
    const onPaths = fc.record({
      verbs: some('a', 'b', '*'),
      nonResourceURLs: some('/a', '/a/*', '/a/b', '/*', '*'),
    });
    const rules = fc.array(fc.oneof(onResources, onPaths), { maxLength: 4 });
    const attempt = fc.oneof(
      fc.record({
        verb: fc.constantFrom('a', 'b', 'c'),
        group: fc.constantFrom('a', 'b', 'c'),
        plural: fc.constantFrom('a', 'b', 'c'),
        subresource: fc.constantFrom('', 's', 't'),
        namespace: fc.constant(''),
        name: fc.constantFrom('', 'a', 'b', 'c'),
      }),
      fc.record({ verb: fc.constantFrom('a', 'b', 'c'), path: fc.constantFrom('/a', '/a/b', '/a/c', '/b') }),
    );
    fc.assert(
      fc.property(rules, rules, attempt, (owned, wanted, what) => {
        const lacking = uncovered(owned, wanted);
        const can = (held: PolicyRule[]) => held.some((rule) => ruleAllows(rule, what));
        if (can(wanted) && !can(owned)) assert.notDeepEqual(lacking, []);
        // With what they lacked they would lack nothing.
        assert.deepEqual(uncovered([...owned, ...lacking], wanted), []);
      }),
      { numRuns: 2000 },
    );
  });
});
