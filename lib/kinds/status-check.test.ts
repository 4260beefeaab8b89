/** Faults of writes to a status. */
import { pod } from './pod.ts';
import { deployment } from './deployment.ts';
import { replicaSet } from './replica-set.ts';
import { statefulSet } from './stateful-set.ts';
import { daemonSet } from './daemon-set.ts';
import { job } from './job.ts';
import { podDisruptionBudget } from './pod-disruption-budget.ts';
import { namespace } from './namespace.ts';
import { service } from './service.ts';
import { ingress } from './ingress.ts';
import { persistentVolumeClaim } from './persistent-volume-claim.ts';
import { resourceQuota } from './resource-quota.ts';
import { horizontalPodAutoscaler } from './horizontal-pod-autoscaler.ts';
import { testStatuses } from './testing/edits.ts';

suite('statuses of pods', () => {
  testStatuses(
    pod,
    {
      spec: {
        restartPolicy: 'Never',
        containers: [{ name: 'c', image: 'x' }],
        initContainers: [{ name: 'i', image: 'x', restartPolicy: 'Always' }],
      },
      status: {
        qosClass: 'BestEffort',
        containerStatuses: [{ name: 'c', state: { terminated: { exitCode: 0 } } }],
        initContainerStatuses: [{ name: 'i', state: { terminated: { exitCode: 0 } } }],
      },
    },
    [
      [
        'status.conditions = [{"type":"a b","status":"True"},{"type":"Ready","status":"True"}]',
        'metadata.conditions[0].Type: Invalid value: "a b": {name part}',
      ],
      ['spec.nodeName = "n"', 'status.nodeName: Forbidden: may not be changed directly'],
      ['status.nominatedNodeName = "A"', 'status.nominatedNodeName: Invalid value: "A": {subdomain}'],
      ['status.qosClass = "Burstable"', 'status.qosClass: Invalid value: "Burstable": field is immutable'],
      [
        'status.containerStatuses[0].state = {"running":{}}',
        'status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state',
      ],
      ['status.podIPs = [{"ip":"x"}]', 'status.podIPs[0]: Invalid value: "x": {ip}'],
      [
        'status.podIPs = [{"ip":"10.0.0.1"},{"ip":"10.0.0.2"}]',
        'status.podIPs: Invalid value: []core.PodIP{core.PodIP{IP:"10.0.0.1"}, core.PodIP{IP:"10.0.0.2"}}: may specify no more than one IP for each IP family',
      ],
      [
        'status.hostIPs = [{"ip":"10.0.0.1"},{"ip":"fd00::1"},{"ip":"10.0.0.2"}]',
        'status.hostIPs: Invalid value: []core.HostIP{core.HostIP{IP:"10.0.0.1"}, core.HostIP{IP:"fd00::1"}, core.HostIP{IP:"10.0.0.2"}}: may specify no more than one IP for each IP family',
      ],
      [
        'status.resourceClaimStatuses = [{"name":"a","resourceClaimName":"A"}]',
        'status.resourceClaimStatuses[0].name: Invalid value: "a": must match the name of an entry in `spec.resourceClaims`',
        'status.resourceClaimStatuses[0].name: Invalid value: "A": {subdomain}',
      ],
    ],
  );
});

suite('statuses of deployments', () => {
  testStatuses(
    deployment,
    {
      spec: {
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
      },
      status: { replicas: 3, collisionCount: 2 },
    },
    [
      [
        'status.replicas = -1',
        'status.replicas: Invalid value: -1: must be greater than or equal to 0',
        'status.updatedReplicas: Invalid value: 0: cannot be greater than status.replicas',
        'status.readyReplicas: Invalid value: 0: cannot be greater than status.replicas',
        'status.availableReplicas: Invalid value: 0: cannot be greater than status.replicas',
      ],
      [
        'status.updatedReplicas = 4',
        'status.updatedReplicas: Invalid value: 4: cannot be greater than status.replicas',
      ],
      ['status.readyReplicas = 4', 'status.readyReplicas: Invalid value: 4: cannot be greater than status.replicas'],
      [
        'status.availableReplicas = 4',
        'status.availableReplicas: Invalid value: 4: cannot be greater than status.replicas',
        'status.availableReplicas: Invalid value: 4: cannot be greater than readyReplicas',
      ],
      [
        'status.readyReplicas = 1; status.availableReplicas = 2',
        'status.availableReplicas: Invalid value: 2: cannot be greater than readyReplicas',
      ],
      ['status.collisionCount = 1', 'status.collisionCount: Invalid value: 1: cannot be decremented'],
      ['status.collisionCount', 'status.collisionCount: Invalid value: 0: cannot be decremented'],
      [
        'status.observedGeneration = -1',
        'status.observedGeneration: Invalid value: -1: must be greater than or equal to 0',
      ],
    ],
  );
});

suite('statuses of replica sets', () => {
  testStatuses(
    replicaSet,
    {
      spec: {
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
      },
      status: { replicas: 2 },
    },
    [
      [
        'status.fullyLabeledReplicas = 3',
        'status.fullyLabeledReplicas: Invalid value: 3: cannot be greater than status.replicas',
      ],
      [
        'status.readyReplicas = 3; status.availableReplicas = 3',
        'status.readyReplicas: Invalid value: 3: cannot be greater than status.replicas',
        'status.availableReplicas: Invalid value: 3: cannot be greater than status.replicas',
      ],
      [
        'status.observedGeneration = -1; status.replicas = -1',
        'status.replicas: Invalid value: -1: must be greater than or equal to 0',
        'status.observedGeneration: Invalid value: -1: must be greater than or equal to 0',
        'status.fullyLabeledReplicas: Invalid value: 0: cannot be greater than status.replicas',
        'status.readyReplicas: Invalid value: 0: cannot be greater than status.replicas',
        'status.availableReplicas: Invalid value: 0: cannot be greater than status.replicas',
      ],
    ],
  );
});

suite('statuses of stateful sets', () => {
  testStatuses(
    statefulSet,
    {
      spec: {
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
        serviceName: 's',
      },
      status: { replicas: 2 },
    },
    [
      ['status.readyReplicas = 3', 'status.readyReplicas: Invalid value: 3: cannot be greater than status.replicas'],
      [
        'status.currentReplicas = 3; status.updatedReplicas = 3',
        'status.currentReplicas: Invalid value: 3: cannot be greater than status.replicas',
        'status.updatedReplicas: Invalid value: 3: cannot be greater than status.replicas',
      ],
      [
        'status.availableReplicas = 1',
        'status.availableReplicas: Invalid value: 1: cannot be greater than status.readyReplicas',
      ],
    ],
  );
});

suite('statuses of daemon sets', () => {
  testStatuses(
    daemonSet,
    {
      spec: {
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
      },
      status: { collisionCount: 1 },
    },
    [
      [
        'status.numberReady = -1; status.numberMisscheduled = -1',
        'status.numberMisscheduled: Invalid value: -1: must be greater than or equal to 0',
        'status.numberReady: Invalid value: -1: must be greater than or equal to 0',
      ],
      ['status.collisionCount = 0', 'status.collisionCount: Invalid value: 0: cannot be decremented'],
    ],
  );
});

suite('statuses of jobs', () => {
  testStatuses(
    job,
    {
      spec: {
        completions: 5,
        completionMode: 'Indexed',
        backoffLimitPerIndex: 1,
        maxFailedIndexes: 2,
        template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'x' }] } },
      },
      status: { startTime: '2024-01-02T00:00:00Z', failed: 2, succeeded: 1, active: 1, completedIndexes: '1' },
    },
    [
      [
        'status.active = -1; status.ready = -1',
        'status.active: Invalid value: -1: must be greater than or equal to 0',
        'status.ready: Invalid value: -1: must be greater than or equal to 0',
      ],
      [
        'status.failed = 1; status.succeeded = 0',
        'status.failed: Invalid value: 1: cannot decrease the failed counter',
        'status.succeeded: Invalid value: 0: cannot decrease the succeeded counter',
      ],
      ['status.startTime', 'status.startTime: Required value: startTime cannot be removed for unsuspended job'],
      [
        'status.startTime = "2024-01-03T00:00:00Z"',
        'status.startTime: Required value: startTime cannot be removed for unsuspended job',
      ],
      [
        'status.completionTime = "2024-01-01T00:00:00Z"',
        'status.completionTime: Invalid value: 2024-01-01 00:00:00 +0000 UTC: cannot set completionTime when there is no Complete=True condition',
        'status.completionTime: Invalid value: 2024-01-01 00:00:00 +0000 UTC: completionTime cannot be set before startTime',
      ],
      [
        'status.conditions = [{"type":"Complete","status":"True"}]; status.active = 0',
        'status.completionTime: Required value: completionTime is required for Complete jobs',
        'status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
      ],
      [
        'status.conditions = [{"type":"Complete","status":"True"},{"type":"SuccessCriteriaMet","status":"True"}]; status.active = 0; status.startTime; status.completionTime = "2024-01-03T00:00:00Z"',
        'status.startTime: Required value: startTime is required for finished job',
        'status.startTime: Required value: startTime cannot be removed for unsuspended job',
      ],
      [
        'status.conditions = [{"type":"Complete","status":"True"},{"type":"Failed","status":"True"}]; status.completionTime = "2024-01-03T00:00:00Z"',
        'status.conditions: Invalid value: cannot set Complete=True and Failed=true conditions',
        'status.conditions: Invalid value: cannot set Failed=True condition without the FailureTarget=true condition',
        'status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
        'status.active: Invalid value: 1: active>0 is invalid for finished job',
      ],
      [
        'status.conditions = [{"type":"SuccessCriteriaMet","status":"True"},{"type":"FailureTarget","status":"True"}]',
        'status.conditions: Invalid value: cannot set SuccessCriteriaMet=True and FailureTarget=true conditions',
      ],
      [
        'status.uncountedTerminatedPods = {"succeeded":["a",""],"failed":["a"]}',
        'status.uncountedTerminatedPods.succeeded[1]: Invalid value: "": must not be empty',
        'status.uncountedTerminatedPods.failed[0]: Duplicate value: "a"',
      ],
      [
        'status.completedIndexes = "x"',
        'status.completedIndexes: Invalid value: "x": error parsing completedIndexes: cannot convert string to integer for index: "x"',
      ],
      [
        'status.completedIndexes = "1,9"',
        'status.completedIndexes: Invalid value: "1,9": error parsing completedIndexes: too large index: "9"',
      ],
      [
        'status.failedIndexes = "0-3"',
        'status.failedIndexes: Invalid value: "0-3": failedIndexes and completedIndexes overlap at index: 1',
      ],
      [
        'status.failedIndexes = "3-1"',
        'status.failedIndexes: Invalid value: "3-1": error parsing failedIndexes: non-increasing order, previous: 3, current: 1',
      ],
      ['status.ready = 5', 'status.ready: Invalid value: 5: cannot set more ready pods than active'],
      [
        'status.conditions = [{"type":"Failed","status":"True"}]; status.terminating = 1; status.active = 0; status.uncountedTerminatedPods = {"failed":["a"]}',
        'status.conditions: Invalid value: cannot set Failed=True condition without the FailureTarget=true condition',
        'status.uncountedTerminatedPods: Invalid value: batch.UncountedTerminatedPods{Succeeded:[]types.UID(nil), Failed:[]types.UID{"a"}}: uncountedTerminatedPods needs to be empty for finished job',
        'status.terminating: Invalid value: 1: terminating>0 is invalid for finished job',
      ],
    ],
  );
});

suite('statuses of budgets', () => {
  testStatuses(podDisruptionBudget, { spec: {} }, [
    [
      'status.disruptionsAllowed = -1; status.currentHealthy = -1; status.desiredHealthy = -1; status.expectedPods = -1',
      'status.disruptionsAllowed: Invalid value: -1: must be greater than or equal to 0',
      'status.currentHealthy: Invalid value: -1: must be greater than or equal to 0',
      'status.desiredHealthy: Invalid value: -1: must be greater than or equal to 0',
      'status.expectedPods: Invalid value: -1: must be greater than or equal to 0',
    ],
    [
      'status.conditions = [{"type":"A b","status":"Maybe","reason":"","message":"","lastTransitionTime":"2024-01-01T00:00:00Z"}]',
      'status.conditions[0].type: Invalid value: "A b": {name part}',
      'status.conditions[0].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"',
      'status.conditions[0].reason: Required value: must be set',
    ],
  ]);
});

suite('statuses of namespaces', () => {
  testStatuses(namespace, { status: { phase: 'Active' } }, [
    [
      'status.phase = "Terminating"',
      'status.Phase: Invalid value: "Terminating": may only be \'Active\' if `deletionTimestamp` is empty',
    ],
  ]);
});

suite('statuses of services', () => {
  testStatuses(service, { spec: { type: 'LoadBalancer', ports: [{ port: 80 }] } }, [
    [
      'status.loadBalancer = {"ingress":[{"ip":"x","hostname":"A"}]}',
      'status.loadBalancer.ingress[0].ip: Invalid value: "x": {ip}',
      'status.loadBalancer.ingress[0].hostname: Invalid value: "A": {subdomain}',
    ],
    [
      'status.loadBalancer = {"ingress":[{"hostname":"1.2.3.4"}]}',
      'status.loadBalancer.ingress[0].hostname: Invalid value: "1.2.3.4": must be a DNS name, not an IP address',
    ],
    [
      'status.loadBalancer = {"ingress":[{"ip":"1.2.3.4","ipMode":"Some"}]}',
      'status.loadBalancer.ingress[0].ipMode: Unsupported value: "Some": supported values: "Proxy", "VIP"',
    ],
    [
      'status.loadBalancer = {"ingress":[{"hostname":"a.b","ipMode":"VIP"}]}',
      'status.loadBalancer.ingress[0].ipMode: Forbidden: may not be specified when `ip` is not set',
    ],
    [
      'spec.type = "ClusterIP"; status.loadBalancer = {"ingress":[{"ip":"1.2.3.4"}]}',
      "status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'",
    ],
  ]);
});

suite('statuses of ingresses', () => {
  testStatuses(ingress, { spec: { defaultBackend: { service: { name: 'a', port: { number: 80 } } } } }, [
    [
      'status.loadBalancer = {"ingress":[{"ip":"x","hostname":"A"},{"hostname":"1.2.3.4"}]}',
      'status.loadBalancer.ingress[0].ip: Invalid value: "x": {ip}',
      'status.loadBalancer.ingress[0].hostname: Invalid value: "A": {subdomain}',
      'status.loadBalancer.ingress[1].hostname: Invalid value: "1.2.3.4": must be a DNS name, not an IP address',
    ],
  ]);
});

suite('statuses of claims', () => {
  testStatuses(
    persistentVolumeClaim,
    { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
    [
      [
        'status.capacity = {"storage":"-1"}',
        'status.capacity[storage]: Invalid value: -1: must be a valid resource quantity',
      ],
      [
        'status.allocatedResources = {"cpu":"1","storage":"-1"}',
        'status.allocatedResources: Unsupported value: "cpu": supported values: "storage"',
        'status.allocatedResources[storage]: Invalid value: "-1": must be greater than or equal to 0',
      ],
      [
        'status.allocatedResourceStatuses = {"storage":"Some","cpu":"NodeResizePending"}',
        'status.allocatedResourceStatus: Unsupported value: "storage": supported values: "ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", "NodeResizeInfeasible", "NodeResizePending"',
        'status.allocatedResourceStatus: Unsupported value: "cpu": supported values: "storage"',
      ],
    ],
  );
});

suite('statuses of quotas', () => {
  testStatuses(resourceQuota, { spec: { hard: { pods: '1' } } }, [
    [
      'status.hard = {"pods":"-1"}; status.used = {"colour":"1","pods":"500m"}',
      'status.hard[pods]: Invalid value: "-1": must be greater than or equal to 0',
      'status.used[colour]: Invalid value: "colour": must be a standard resource type or fully qualified',
      'status.used[colour]: Invalid value: "colour": must be a standard resource for quota',
      'status.used[pods]: Invalid value: resource.Quantity{i:resource.int64Amount{value:500, scale:-3}, d:resource.infDecAmount{Dec:(*inf.Dec)(nil)}, s:"500m", Format:"DecimalSI"}: must be an integer',
    ],
  ]);
});

suite('statuses of autoscalers', () => {
  testStatuses(
    horizontalPodAutoscaler,
    { spec: { maxReplicas: 2, scaleTargetRef: { kind: 'Deployment', name: 'a' } } },
    [
      [
        'status.currentReplicas = -1; status.desiredReplicas = -1',
        'status.currentReplicas: Invalid value: -1: must be greater than or equal to 0',
        'status.desiredReplicas: Invalid value: -1: must be greater than or equal to 0',
      ],
    ],
  );
});

suite('statuses of finished jobs', () => {
  testStatuses(
    job,
    {
      spec: {
        completions: 5,
        completionMode: 'Indexed',
        backoffLimitPerIndex: 1,
        maxFailedIndexes: 2,
        template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'x' }] } },
        successPolicy: { rules: [{ succeededCount: 1 }] },
      },
      status: {
        startTime: '2024-01-02T00:00:00Z',
        completionTime: '2024-01-03T00:00:00Z',
        succeeded: 1,
        conditions: [
          { type: 'SuccessCriteriaMet', status: 'True' },
          { type: 'Complete', status: 'True' },
        ],
      },
    },
    [
      [
        'status.conditions = []',
        'status.completionTime: Invalid value: 2024-01-03 00:00:00 +0000 UTC: cannot set completionTime when there is no Complete=True condition',
        'status.conditions: Invalid value: cannot disable the terminal Complete=True condition',
        'status.conditions: Invalid value: cannot disable the SuccessCriteriaMet=True condition',
      ],
      [
        'status.conditions = [{"type":"Complete","status":"True"}]',
        'status.conditions: Invalid value: cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True',
        'status.conditions: Invalid value: cannot disable the SuccessCriteriaMet=True condition',
      ],
      [
        'status.completionTime = "2024-01-04T00:00:00Z"',
        'status.completionTime: Invalid value: 2024-01-04 00:00:00 +0000 UTC: completionTime cannot be mutated',
      ],
      ['status.completionTime', 'status.completionTime: Required value: completionTime is required for Complete jobs'],
      ['status.active = 1', 'status.active: Invalid value: 1: active>0 is invalid for finished job'],
    ],
  );
});
