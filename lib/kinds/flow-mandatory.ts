/**
 * The flow schemas and priority levels that must always be as they are, so that administrators always get through and every request belongs
 * somewhere: the facts of upstream v1.32's `apis/flowcontrol/bootstrap`.
 */
import type {
  FlowSchemaSpec,
  NonResourcePolicyRule,
  PriorityLevelConfigurationSpec,
  ResourcePolicyRule,
  Subject,
} from './gen/flowcontrol-v1.ts';

/** The name of both the flow schema and the priority level of those who are not limited. */
export const exemptName = 'exempt';

/** The name of both the flow schema and the priority level of whatever nothing else is for. */
export const catchAllName = 'catch-all';

/** Rules that cover every request. */
export const everything: { resourceRules: ResourcePolicyRule[]; nonResourceRules: NonResourcePolicyRule[] } = {
  resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'], clusterScope: true }],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
};

export const everybody: Subject[] = [
  { kind: 'Group', group: { name: 'system:unauthenticated' } },
  { kind: 'Group', group: { name: 'system:authenticated' } },
];

export const mandatoryFlowSchemas: ReadonlyMap<string, FlowSchemaSpec> = new Map([
  [
    exemptName,
    {
      priorityLevelConfiguration: { name: exemptName },
      matchingPrecedence: 1,
      rules: [{ subjects: [{ kind: 'Group', group: { name: 'system:masters' } }], ...everything }],
    },
  ],
  [
    catchAllName,
    {
      priorityLevelConfiguration: { name: catchAllName },
      matchingPrecedence: 10000,
      distinguisherMethod: { type: 'ByUser' },
      rules: [{ subjects: everybody, ...everything }],
    },
  ],
]);

export const mandatoryPriorityLevels: ReadonlyMap<string, PriorityLevelConfigurationSpec> = new Map([
  [exemptName, { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } }],
  [
    catchAllName,
    {
      type: 'Limited',
      limited: { nominalConcurrencyShares: 5, lendablePercent: 0, limitResponse: { type: 'Reject' } },
    },
  ],
]);
