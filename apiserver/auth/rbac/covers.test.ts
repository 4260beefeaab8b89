import assert from 'node:assert/strict';
import type { PolicyRule } from '#lib/kinds/gen/rbac-v1.ts';
import { rulesText, uncovered } from './covers.ts';
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
});
