import assert from 'node:assert/strict';
import { mandatoryFlowSchemas, mandatoryPriorityLevels } from './flow-mandatory.ts';
import { flowSchema } from './flow-schema.ts';
import { priorityLevelConfiguration } from './priority-level-configuration.ts';
import { faultsOf, made, rowOf } from './testing/objects.ts';

const subjects = [{ kind: 'User', user: { name: 'a' } }];
const resourceRules = [{ verbs: ['get'], apiGroups: [''], resources: ['pods'], namespaces: ['*'] }];
const level = { name: 'workload-low' };

suite('flow control kinds', () => {
  const ofSchema = (spec: object, name = 'some') =>
    faultsOf(
      flowSchema,
      made(flowSchema, { metadata: { name }, spec: { priorityLevelConfiguration: level, ...spec } }),
    );
  const ofRule = (rule: object) => ofSchema({ rules: [{ subjects, resourceRules, ...rule }] });
  const ofResource = (rule: object) => ofRule({ resourceRules: [{ ...resourceRules[0], ...rule }] });
  const ofPath = (...nonResourceURLs: string[]) => ofRule({ nonResourceRules: [{ verbs: ['get'], nonResourceURLs }] });
  const ofLevel = (spec: object, name = 'some') =>
    faultsOf(priorityLevelConfiguration, made(priorityLevelConfiguration, { metadata: { name }, spec }));
  const limited = (more: object) => ({ type: 'Limited', limited: { limitResponse: { type: 'Reject' }, ...more } });
  const queuing = (more: object) =>
    limited({ limitResponse: { type: 'Queue', queuing: { queues: 16, handSize: 4, queueLengthLimit: 50, ...more } } });

  test('a FlowSchema has a precedence, a level, and a way to tell flows apart', () => {
    assert.equal(made(flowSchema, { spec: { priorityLevelConfiguration: level } }).spec.matchingPrecedence, 1000);
    assert.deepEqual(ofSchema({ distinguisherMethod: { type: 'ByUser' }, rules: [{ subjects, resourceRules }] }), []);
    assert.deepEqual(ofSchema({ matchingPrecedence: -1 }), [
      'spec.matchingPrecedence: Invalid value: -1: must be a positive value',
    ]);
    assert.deepEqual(ofSchema({ matchingPrecedence: 10001 }), [
      'spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000',
    ]);
    assert.deepEqual(ofSchema({ matchingPrecedence: 1 }), [
      "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
    ]);
    assert.deepEqual(ofSchema({ priorityLevelConfiguration: {} }), [
      'spec.priorityLevelConfiguration.name: Required value: must reference a priority level',
    ]);
    assert.match(
      ofSchema({ distinguisherMethod: { type: 'ByWhim' } })[0]!,
      /^spec.distinguisherMethod.type: Unsupported/,
    );
  });

  test('a FlowSchema names its subjects by what they are', () => {
    assert.deepEqual(ofRule({ subjects: [] }), [
      'spec.rules[0].subjects: Required value: subjects must contain at least one value',
    ]);
    assert.deepEqual(ofRule({ subjects: [{ kind: 'Robot' }] }), [
      'spec.rules[0].subjects[0].kind: Unsupported value: "Robot": supported values: "Group", "ServiceAccount", "User"',
    ]);
    assert.deepEqual(ofRule({ subjects: [{ kind: 'User', group: { name: 'g' } }] }), [
      "spec.rules[0].subjects[0].user: Required value: user is required when subject kind is 'User'",
      "spec.rules[0].subjects[0].group: Forbidden: group is forbidden when subject kind is not 'Group'",
    ]);
    assert.deepEqual(ofRule({ subjects: [{ kind: 'ServiceAccount', serviceAccount: { name: '*', namespace: '' } }] }), [
      'spec.rules[0].subjects[0].serviceAccount.namespace: Required value: must specify namespace for service account',
    ]);
    assert.deepEqual(ofRule({ subjects: [{ kind: 'Group', group: { name: '' } }] }), [
      'spec.rules[0].subjects[0].group.name: Required value',
    ]);
  });

  test('a FlowSchema says which requests it is for', () => {
    assert.deepEqual(ofRule({ resourceRules: [] }), [
      'spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty',
    ]);
    assert.match(
      ofResource({ verbs: ['*', 'get'] })[0]!,
      /^spec.rules\[0\].resourceRules\[0\].verbs: Invalid value: .*: if '\*' is present, must not specify other verbs$/,
    );
    assert.match(
      ofResource({ verbs: ['guess'] })[0]!,
      /verbs: Unsupported value: .*: supported values: "create", "delete"/,
    );
    assert.deepEqual(ofResource({ apiGroups: [], resources: [] }), [
      'spec.rules[0].resourceRules[0].apiGroups: Required value: resource rules must supply at least one api group',
      'spec.rules[0].resourceRules[0].resources: Required value: resource rules must supply at least one resource',
    ]);
    assert.deepEqual(ofResource({ namespaces: [] }), [
      'spec.rules[0].resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped must supply at least one namespace',
    ]);
    assert.deepEqual(ofResource({ namespaces: [], clusterScope: true }), []);
    assert.match(ofResource({ namespaces: ['A'] })[0]!, /each member of this list must be '\*' or a DNS-1123 label; /);
    assert.deepEqual(ofPath('/', '/healthz', '/apis/*'), []);
    const at = 'spec.rules[0].nonResourceRules[0].nonResourceURLs';
    assert.deepEqual(ofPath('x', '/a//b', '/a b', '/*/a'), [
      `${at}[0]: Invalid value: "x": must start with slash`,
      `${at}[1]: Invalid value: "/a//b": must not contain double slash`,
      `${at}[2]: Invalid value: "/a b": must not contain white-space`,
      `${at}[3]: Invalid value: "/*/a": wildcard can only do suffix matching`,
    ]);
  });

  test('a PriorityLevelConfiguration is limited, unless it is the one that is not', () => {
    const { spec } = made(priorityLevelConfiguration, {
      spec: { type: 'Limited', limited: { limitResponse: { type: 'Queue', queuing: {} } } },
    });
    assert.deepEqual(spec.limited, {
      nominalConcurrencyShares: 30,
      lendablePercent: 0,
      limitResponse: { type: 'Queue', queuing: { queues: 64, handSize: 8, queueLengthLimit: 50 } },
    });
    assert.deepEqual(ofLevel(limited({ nominalConcurrencyShares: 0 })), []);
    assert.deepEqual(ofLevel({ type: 'Exempt' }), [
      `spec.type: Invalid value: "Exempt": type must be 'Exempt' if and only if name is 'exempt'`,
    ]);
    assert.deepEqual(ofLevel({ type: 'Limited' }), [
      'spec.limited: Required value: must not be empty when type is Limited',
    ]);
    assert.deepEqual(
      ofLevel(limited({ lendablePercent: 101, borrowingLimitPercent: -1, nominalConcurrencyShares: -1 })),
      [
        'spec.limited.nominalConcurrencyShares: Invalid value: -1: must be a non-negative integer',
        'spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive',
        'spec.limited.borrowingLimitPercent: Invalid value: -1: if specified, must be a non-negative integer',
      ],
    );
    assert.deepEqual(ofLevel(limited({ limitResponse: { type: 'Reject', queuing: {} } })), [
      'spec.limited.limitResponse.queuing: Forbidden: must be nil if limited.limitResponse.type is not Limited',
    ]);
    assert.deepEqual(ofLevel(limited({ limitResponse: { type: 'Queue' } })), [
      'spec.limited.limitResponse.queuing: Required value: must not be empty if limited.limitResponse.type is Limited',
    ]);
    const at = 'spec.limited.limitResponse.queuing';
    assert.deepEqual(ofLevel(queuing({ handSize: 17 })), [
      `${at}.handSize: Invalid value: 17: should not be greater than queues (16)`,
    ]);
    assert.deepEqual(ofLevel(queuing({ queues: 1024, handSize: 7 })), [
      `${at}.handSize: Invalid value: 7: required entropy bits of deckSize 1024 and handSize 7 should not be greater than 60`,
    ]);
    assert.deepEqual(ofLevel(queuing({ queueLengthLimit: -1 })), [
      `${at}.queueLengthLimit: Invalid value: -1: must be positive`,
    ]);
  });

  test('what is mandatory cannot be otherwise, but for what the exempt level lends', () => {
    for (const [name, spec] of mandatoryFlowSchemas) assert.deepEqual(ofSchema(spec, name), []);
    for (const [name, spec] of mandatoryPriorityLevels) assert.deepEqual(ofLevel(spec, name), []);
    assert.deepEqual(
      ofLevel({ type: 'Exempt', exempt: { nominalConcurrencyShares: 5, lendablePercent: 50 } }, 'exempt'),
      [],
    );
    assert.match(
      ofLevel(limited({}), 'catch-all')[0]!,
      /^spec: Invalid value: .*: spec of 'catch-all' must equal the fixed/,
    );
    assert.match(
      ofSchema({}, 'catch-all')[0]!,
      /^spec: Invalid value: .*: spec of 'catch-all' must equal the fixed value/,
    );
  });

  test('their tables are upstream’s', () => {
    const conditions = [{ type: 'Dangling', status: 'False' }];
    const schema = made(flowSchema, { spec: { priorityLevelConfiguration: level }, status: { conditions } });
    assert.deepEqual(rowOf(flowSchema, schema), {
      Name: 'some',
      PriorityLevel: 'workload-low',
      MatchingPrecedence: 1000,
      DistinguisherMethod: '<none>',
      Age: '60m',
      MissingPL: 'False',
    });
    const row = (spec: object) =>
      Object.values(rowOf(priorityLevelConfiguration, made(priorityLevelConfiguration, { spec })));
    assert.deepEqual(row(queuing({})), ['some', 'Limited', 30, 16, 4, 50, '60m']);
    assert.deepEqual(row({ type: 'Exempt' }), ['some', 'Exempt', '<none>', '<none>', '<none>', '<none>', '60m']);
  });
});
