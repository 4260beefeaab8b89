import assert from 'node:assert/strict';
import { readEncryptionConfig } from './config.ts';

const secret = Buffer.alloc(32, 7).toString('base64');
const file = (resources: string) =>
  `apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n${resources}`;

suite('readEncryptionConfig()', () => {
  test('reads rules, their providers and keys in order', () => {
    const rules = readEncryptionConfig(
      file(`- resources: [secrets, configmaps]
  providers:
  - aesgcm: {keys: [{name: new, secret: ${secret}}, {name: old, secret: ${secret.slice(0, 22)}==}]}
  - aescbc: {keys: [{name: k, secret: ${secret}}]}
  - identity: {}
- resources: ['*.apps', '*.']
  providers: [{identity: {}}]
`),
    );
    assert.deepEqual(
      rules.map(({ resources, providers }) => [resources, providers.map(({ type }) => type)]),
      [
        [
          ['secrets', 'configmaps'],
          ['aesgcm', 'aescbc', 'identity'],
        ],
        [['*.apps', '*.'], ['identity']],
      ],
    );
    const [gcm] = rules[0]!.providers;
    assert.deepEqual(gcm?.type === 'aesgcm' && gcm.keys.map(({ name, secret }) => [name, secret.length]), [
      ['new', 32],
      ['old', 16],
    ]);
  });

  const refused: [string, string, RegExp][] = [
    ['no rules', '', /resources: Required value: at least one resources is required/],
    ['no resources', '- providers: [{identity: {}}]', /resources\[0\]\.resources: Required value/],
    ['no providers', '- resources: [secrets]', /resources\[0\]\.providers: Required value: at least one/],
    [
      'an empty provider',
      '- {resources: [secrets], providers: [{}]}',
      /does not contain any of the expected providers/,
    ],
    [
      'two providers in one',
      `- {resources: [secrets], providers: [{identity: {}, aesgcm: {keys: [{name: a, secret: ${secret}}]}}]}`,
      /more than one provider specified in a single element/,
    ],
    [
      'a provider without keys',
      '- {resources: [secrets], providers: [{aesgcm: {keys: []}}]}',
      /at least one keys is required/,
    ],
    [
      'a short key',
      `- {resources: [secrets], providers: [{aesgcm: {keys: [{name: a, secret: c2hvcnQ=}]}}]}`,
      /keys\[0\]\.secret: Invalid value: "REDACTED": secret is not of the expected length, got 5, expected one of \[16 24 32\]/,
    ],
    [
      'a key that is not base64',
      `- {resources: [secrets], providers: [{aesgcm: {keys: [{name: a, secret: '!hush!'}]}}]}`,
      /"REDACTED": secrets must be base64 encoded/,
    ],
    [
      'kms',
      '- {resources: [secrets], providers: [{kms: {name: a}}]}',
      /providers\[0\]\.kms: Forbidden: .*key management/,
    ],
    ['secretbox', `- {resources: [secrets], providers: [{secretbox: {keys: []}}]}`, /secretbox: Forbidden/],
    ['an unknown field', '- {resources: [secrets], provider: []}', /unknown field "resources\[0\]\.provider"/],
    ['capitals', '- {resources: [Secrets], providers: [{identity: {}}]}', /should not contain capital letters/],
    ['a bare star', "- {resources: ['*'], providers: [{identity: {}}]}", /use '\*\.' to encrypt all the resources/],
    ['one name in all groups', "- {resources: ['a.*'], providers: [{identity: {}}]}", /across groups is not supported/],
    ['masked resources', "- {resources: [secrets, '*.'], providers: [{identity: {}}]}", /they will be masked/],
    [
      'repeated resources',
      '- {resources: [secrets, secrets], providers: [{identity: {}}]}',
      /specified multiple times/,
    ],
    ['the other events', '- {resources: [events.events.k8s.io], providers: [{identity: {}}]}', /Use 'events' instead/],
  ];
  for (const [what, rules, message] of refused) {
    test(`refuses ${what}`, () => {
      assert.throws(() => readEncryptionConfig(file(rules)), message);
    });
  }

  test('refuses other kinds and texts, without repeating what they say', () => {
    assert.throws(() => readEncryptionConfig('kind: Policy'), /must say "apiVersion: apiserver\.config\.k8s\.io\/v1"/);
    assert.throws(() => readEncryptionConfig(''), /it is empty/);
    assert.throws(
      () => readEncryptionConfig(file(`- {resources: [secrets], providers: [hush: ${secret}`)),
      (error: Error) => /not YAML/.test(error.message) && !error.message.includes(secret),
    );
  });
});
