/** The flow schemas and priority levels that every cluster starts with: the facts of upstream v1.32's `apis/flowcontrol/bootstrap`. */
import {
  everybody,
  everything,
  exemptName,
  mandatoryFlowSchemas,
  mandatoryPriorityLevels,
} from '#lib/kinds/flow-mandatory.ts';
import type { FlowSchemaSpec, PriorityLevelConfigurationSpec, Subject } from '#lib/kinds/gen/flowcontrol-v1.ts';

/** By name: all of them, those that may never be changed included. */
export const startingFlowSchemas: ReadonlyMap<string, FlowSchemaSpec> = new Map([
  ...mandatoryFlowSchemas,
  ...suggestedFlowSchemas(),
]);
export const startingPriorityLevels: ReadonlyMap<string, PriorityLevelConfigurationSpec> = new Map([
  ...mandatoryPriorityLevels,
  ...suggestedPriorityLevels(),
]);

function suggestedPriorityLevels(): [name: string, PriorityLevelConfigurationSpec][] {
  return [
    limited('system', { shares: 30, lends: 33, queues: 64 }),
    limited('node-high', { shares: 40, lends: 25, queues: 64 }),
    limited('leader-election', { shares: 10, lends: 0, queues: 16, handSize: 4 }),
    limited('workload-high', { shares: 40, lends: 50, queues: 128 }),
    limited('workload-low', { shares: 100, lends: 90, queues: 128 }),
    limited('global-default', { shares: 20, lends: 50, queues: 128 }),
  ];
}

function suggestedFlowSchemas(): [name: string, FlowSchemaSpec][] {
  const nodes = group('system:nodes');
  const [controllers, scheduler] = [user('system:kube-controller-manager'), user('system:kube-scheduler')];
  const systemAccounts = account('*');
  const elect = ['get', 'create', 'update'];
  const leases = { verbs: elect, apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces: ['*'] };
  const endpoints = { verbs: elect, apiGroups: [''], resources: ['endpoints'], namespaces: ['*'] };
  const nodeObjects = { verbs: ['*'], apiGroups: [''], resources: ['nodes', 'nodes/status'], namespaces: ['*'] };
  return [
    [
      'probes',
      {
        ...base(exemptName, 2),
        rules: [
          {
            subjects: everybody,
            nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
          },
        ],
      },
    ],
    [
      'system-leader-election',
      {
        ...base('leader-election', 100, 'ByUser'),
        rules: [{ subjects: [controllers, scheduler, systemAccounts], resourceRules: [leases] }],
      },
    ],
    [
      'endpoint-controller',
      {
        ...base('workload-high', 150, 'ByUser'),
        rules: [
          {
            subjects: [controllers, account('endpoint-controller'), account('endpointslicemirroring-controller')],
            resourceRules: [endpoints],
          },
        ],
      },
    ],
    [
      'workload-leader-election',
      {
        ...base('leader-election', 200, 'ByUser'),
        rules: [
          {
            subjects: [systemAccounts],
            resourceRules: [{ ...endpoints, resources: ['endpoints', 'configmaps'] }, leases],
          },
        ],
      },
    ],
    [
      'system-node-high',
      {
        ...base('node-high', 400, 'ByUser'),
        rules: [
          {
            subjects: [nodes],
            resourceRules: [
              { ...nodeObjects, clusterScope: true },
              { ...leases, verbs: ['*'] },
            ],
          },
        ],
      },
    ],
    ['system-nodes', forAll(base('system', 500, 'ByUser'), nodes)],
    ['kube-controller-manager', forAll(base('workload-high', 800, 'ByNamespace'), controllers)],
    ['kube-scheduler', forAll(base('workload-high', 800, 'ByNamespace'), scheduler)],
    ['kube-system-service-accounts', forAll(base('workload-high', 900, 'ByNamespace'), systemAccounts)],
    ['service-accounts', forAll(base('workload-low', 9000, 'ByUser'), group('system:serviceaccounts'))],
    ['global-default', forAll(base('global-default', 9900, 'ByUser'), ...everybody)],
  ];
}

function limited(
  name: string,
  { shares, lends, queues, handSize = 6 }: { shares: number; lends: number; queues: number; handSize?: number },
): [string, PriorityLevelConfigurationSpec] {
  const queuing = { queues, handSize, queueLengthLimit: 50 };
  return [
    name,
    {
      type: 'Limited',
      limited: {
        nominalConcurrencyShares: shares,
        lendablePercent: lends,
        limitResponse: { type: 'Queue', queuing },
      },
    },
  ];
}

function base(level: string, matchingPrecedence: number, distinguisher?: 'ByUser' | 'ByNamespace'): FlowSchemaSpec {
  return {
    priorityLevelConfiguration: { name: level },
    matchingPrecedence,
    ...(distinguisher && { distinguisherMethod: { type: distinguisher } }),
  };
}

/** Every request of these subjects. */
function forAll(spec: FlowSchemaSpec, ...subjects: Subject[]): FlowSchemaSpec {
  return { ...spec, rules: [{ subjects, ...everything }] };
}

function user(name: string): Subject {
  return { kind: 'User', user: { name } };
}

function group(name: string): Subject {
  return { kind: 'Group', group: { name } };
}

/** Of the system's namespace; '*' for all of them. */
function account(name: string): Subject {
  return { kind: 'ServiceAccount', serviceAccount: { name, namespace: 'kube-system' } };
}
