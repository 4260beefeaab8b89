import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { evaluator } from './evaluate.ts';
import type { Asked } from './evaluate.ts';
import { readPolicy } from './policy.ts';

const file = (text: string) => readPolicy(`apiVersion: audit.k8s.io/v1\nkind: Policy\n${text}`);
const rule = (text: string) => file(`rules:\n- {${text}}`);

suite('readPolicy()', () => {
  test('reads what upstream’s example says', () => {
    const policy = file(`
omitStages: [RequestReceived]
rules:
- level: RequestResponse
  resources: [{group: "", resources: [pods]}]
- level: None
  users: ["system:kube-proxy"]
  verbs: [watch]
- level: Metadata
  nonResourceURLs: ["/api*", "/version"]
  omitStages:
`);
    assert.equal(policy.rules.length, 3);
    assert.deepEqual(policy.omitStages, ['RequestReceived']);
    assert.ok(!('omitStages' in policy.rules[2]!));
  });

  const refused: [string, string, RegExp][] = [
    ['no rules', 'omitStages: []', /it has no rules/],
    ['a rule without a level', 'rules: [{verbs: [get]}]', /rules\[0\]\.level: Required value/],
    ['an unknown level', 'rules: [{level: All}]', /level: Unsupported value: "All": supported values: .*"Metadata"/],
    [
      'an unknown stage',
      'rules: [{level: None, omitStages: [Begin]}]',
      /omitStages\[0\]: Invalid value: "Begin": allowed stages are RequestReceived,/,
    ],
    ['an unknown field', 'rules: [{level: None, user: [a]}]', /unknown field "rules\[0\]\.user"/],
    ['a relative path', 'rules: [{level: None, nonResourceURLs: [api]}]', /must begin with a '\/' character/],
    ['a star in the middle', 'rules: [{level: None, nonResourceURLs: ["/a*/b"]}]', /must be the final character/],
    [
      'a group with its version',
      'rules: [{level: None, resources: [{group: apps/v1}]}]',
      /rules\[0\]\.resources\.group: Invalid value: "apps\/v1"/,
    ],
    [
      'names without a resource',
      'rules: [{level: None, resources: [{resourceNames: [a]}]}]',
      /requires at least one resource/,
    ],
    [
      'paths and resources in one',
      'rules: [{level: None, namespaces: [a], nonResourceURLs: ["/a"]}]',
      /cannot apply to both/,
    ],
    ['users that are no list', 'rules: [{level: None, users: bob}]', /rules\[0\]\.users must be a list/],
  ];
  for (const [what, text, message] of refused) {
    test(`refuses ${what}`, () => {
      assert.throws(() => file(text), message);
    });
  }
});

suite('evaluator()', () => {
  const pod: Asked = {
    verb: 'get',
    isResource: true,
    group: '',
    resource: 'pods',
    subresource: '',
    namespace: 'a',
    name: 'web',
    path: '/api/v1/namespaces/a/pods/web',
  };
  const log = { ...pod, subresource: 'log' };
  const path: Asked = { ...pod, isResource: false, resource: '', namespace: '', name: '', path: '/api/v1' };
  const jane = { name: 'jane', groups: ['dev'] };
  const fits = (text: string, info: Asked = pod, user: typeof jane | 'nobody' = jane) =>
    evaluator(rule(`level: Metadata, ${text}`))(info, user === 'nobody' ? undefined : user).level === 'Metadata';

  test('a rule without conditions fits everything, one with all of them what fulfils each', () => {
    assert.ok(evaluator(rule('level: Metadata'))(path, undefined).level === 'Metadata');
    assert.ok(fits('users: [jane], userGroups: [ops, dev], verbs: [get], namespaces: [a]'));
    assert.ok(!fits('users: [jane], verbs: [list]'));
    assert.ok(!fits('users: [joe]'));
    assert.ok(!fits('userGroups: [ops]'));
    assert.ok(!fits('users: [jane]', pod, 'nobody'));
    assert.ok(!fits('userGroups: [dev]', pod, 'nobody'));
    assert.ok(!fits('namespaces: [b]'));
    assert.ok(!fits('namespaces: [a]', path));
    assert.ok(fits('namespaces: [""]', { ...pod, namespace: '', resource: 'nodes' }));
  });

  test('resources are named by group, and with their subresource or by stars', () => {
    const named = (names: string, info: Asked = pod, group = '') =>
      fits(`resources: [{group: "${group}", resources: [${names}]}]`, info);
    assert.ok(named('pods'));
    assert.ok(!named('pods', log));
    assert.ok(named('pods/log', log));
    assert.ok(named('"*/log"', log));
    assert.ok(!named('"*/log"'));
    assert.ok(named('pods/*', log));
    assert.ok(named('pods/*'));
    assert.ok(named('"*"', log));
    assert.ok(!named('pods', pod, 'apps'));
    assert.ok(fits('resources: [{group: ""}]', log));
    assert.ok(fits('resources: [{group: "", resources: [pods], resourceNames: [web]}]'));
    assert.ok(!fits('resources: [{group: "", resources: [pods], resourceNames: [db]}]'));
    assert.ok(!fits('resources: [{group: ""}]', path));
  });

  test('paths are named whole or by how they begin', () => {
    assert.ok(fits('nonResourceURLs: ["/api*"]', path));
    assert.ok(fits('nonResourceURLs: ["*"]', path));
    assert.ok(fits('nonResourceURLs: ["/version", "/api/v1"]', path));
    assert.ok(!fits('nonResourceURLs: ["/api"]', path));
    assert.ok(!fits('nonResourceURLs: ["*"]'), 'resources have paths of their own');
  });

  test('the example tells who touched what is secret, and no more of it', () => {
    const evaluate = evaluator(readPolicy(readFileSync('deploy/audit-policy.yaml', 'utf8')));
    const levelOf = (info: Partial<Asked>, user = jane) => evaluate({ ...pod, ...info }, user).level;
    const secrets = [
      { resource: 'secrets' },
      { resource: 'serviceaccounts', subresource: 'token' },
      { resource: 'tokenreviews', group: 'authentication.k8s.io' },
    ];
    for (const info of secrets)
      for (const verb of ['get', 'create', 'patch']) assert.equal(levelOf({ ...info, verb }), 'Metadata');
    assert.equal(levelOf({ verb: 'create' }), 'Request');
    assert.equal(levelOf({ verb: 'get', subresource: 'exec' }), 'Metadata');
    assert.equal(levelOf({ verb: 'watch' }, { name: 'system:node:n', groups: ['system:nodes'] }), 'None');
    assert.equal(levelOf({ verb: 'patch' }, { name: 'system:node:n', groups: ['system:nodes'] }), 'Request');
  });

  test('the first rule that fits counts, and what none is about is not told', () => {
    const evaluate = evaluator(
      file(`
omitStages: [Panic]
omitManagedFields: true
rules:
- {level: None, verbs: [watch]}
- {level: Request, users: [jane], omitStages: [RequestReceived], omitManagedFields: false}
- {level: RequestResponse, userGroups: [dev]}
`),
    );
    assert.equal(evaluate({ ...pod, verb: 'watch' }, jane).level, 'None');
    const verdict = evaluate(pod, jane);
    assert.deepEqual(
      [verdict.level, [...verdict.omitStages], verdict.omitManagedFields],
      ['Request', ['Panic', 'RequestReceived'], false],
    );
    const joe = evaluate(pod, { name: 'joe', groups: ['dev'] });
    assert.deepEqual([joe.level, joe.omitManagedFields], ['RequestResponse', true]);
    assert.equal(evaluate(pod, undefined).level, 'None');
  });
});
