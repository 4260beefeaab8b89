/** Faults of workloads. */
import { deployment } from './deployment.ts';
import { replicaSet } from './replica-set.ts';
import { replicationController } from './replication-controller.ts';
import { daemonSet } from './daemon-set.ts';
import { statefulSet } from './stateful-set.ts';
import { testEdits, testUpdates } from './testing/edits.ts';

suite('deployments', () => {
  const body = {
    spec: {
      selector: { matchLabels: { app: 'a' } },
      template: { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
    },
  };
  testEdits(deployment, body, [
    ['spec.replicas = -1', 'spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
    [
      'spec.selector',
      'spec.selector: Required value',
      'spec.template.metadata.labels: Invalid value: map[string]string{"app":"a"}: `selector` does not match template `labels`',
    ],
    [
      'spec.selector = {}',
      'spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string(nil), MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: empty selector is invalid for deployment',
    ],
    [
      'spec.selector = {"matchExpressions":[{"key":"a","operator":"Like"}]}',
      'spec.selector.matchExpressions[0].operator: Invalid value: "Like": not a valid selector operator',
      'spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string(nil), MatchExpressions:[]v1.LabelSelectorRequirement{v1.LabelSelectorRequirement{Key:"a", Operator:"Like", Values:[]string(nil)}}}: invalid label selector',
    ],
    [
      'spec.selector = {"matchLabels":{"app":"b"}}',
      'spec.template.metadata.labels: Invalid value: map[string]string{"app":"a"}: `selector` does not match template `labels`',
    ],
    [
      'spec.template.spec.restartPolicy = "Never"',
      'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ],
    [
      'spec.template.spec.activeDeadlineSeconds = 5',
      'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported',
    ],
    [
      'spec.template.metadata.labels = {"app":"a","b c":"d"}',
      'spec.template.labels: Invalid value: "b c": {name part}',
    ],
    [
      'spec.template.spec.ephemeralContainers = [{"name":"e","image":"x"}]',
      'spec.template.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in pod template',
    ],
    [
      'spec.strategy = {"type":"Blue"}',
      'spec.strategy: Unsupported value: apps.DeploymentStrategy{Type:"Blue", RollingUpdate:(*apps.RollingUpdateDeployment)(nil)}: supported values: "Recreate", "RollingUpdate"',
    ],
    [
      'spec.strategy = {"type":"Recreate","rollingUpdate":{}}',
      "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
    ],
    [
      'spec.strategy = {"rollingUpdate":{"maxUnavailable":-1,"maxSurge":"a%"}}',
      'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: -1: must be greater than or equal to 0',
      `spec.strategy.rollingUpdate.maxSurge: Invalid value: intstr.IntOrString{Type:1, IntVal:0, StrVal:"a%"}: a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')`,
    ],
    [
      'spec.strategy = {"rollingUpdate":{"maxUnavailable":0,"maxSurge":0}}',
      'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: intstr.IntOrString{Type:0, IntVal:0, StrVal:""}: may not be 0 when `maxSurge` is 0',
    ],
    [
      'spec.strategy = {"rollingUpdate":{"maxUnavailable":"101%"}}',
      'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: intstr.IntOrString{Type:1, IntVal:0, StrVal:"101%"}: must not be greater than 100%',
    ],
    ['spec.minReadySeconds = -1', 'spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0'],
    [
      'spec.revisionHistoryLimit = -1',
      'spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0',
    ],
    [
      'spec.progressDeadlineSeconds = -1',
      'spec.progressDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0',
      'spec.progressDeadlineSeconds: Invalid value: -1: must be greater than minReadySeconds',
    ],
    [
      'spec.minReadySeconds = 600',
      'spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds',
    ],
  ]);
  suite('updates', () =>
    testUpdates(deployment, body, [
      [
        'spec.selector = {"matchLabels":{"app":"b"}}',
        'spec.template.metadata.labels: Invalid value: map[string]string{"app":"a"}: `selector` does not match template `labels`',
        'spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string{"app":"b"}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: field is immutable',
      ],
    ]),
  );
});

suite('replica sets', () => {
  const body = {
    spec: {
      selector: { matchLabels: { app: 'a' } },
      template: { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
    },
  };
  testEdits(replicaSet, body, [
    [
      'spec.replicas = -1; spec.minReadySeconds = -1',
      'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
      'spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0',
    ],
    [
      'spec.selector = {}',
      'spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string(nil), MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: empty selector is invalid for deployment',
    ],
    [
      'spec.selector',
      'spec.selector: Required value',
      'spec.template.metadata.labels: Invalid value: map[string]string{"app":"a"}: `selector` does not match template `labels`',
    ],
  ]);
  suite('updates', () =>
    testUpdates(replicaSet, body, [
      [
        'spec.selector = {"matchLabels":{"app":"b"}}',
        'spec.template.metadata.labels: Invalid value: map[string]string{"app":"a"}: `selector` does not match template `labels`',
        'spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string{"app":"b"}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: field is immutable',
      ],
    ]),
  );
});

suite('replication controllers', () => {
  const body = {
    spec: {
      selector: { app: 'a' },
      template: { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
    },
  };
  testEdits(replicationController, body, [
    ['spec.replicas = -1', 'spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
    [
      'spec.selector = {"app":"b"}',
      'spec.template.metadata.labels: Invalid value: map[string]string{"app":"a"}: `selector` does not match template `labels`',
    ],
    ['spec.template', 'spec.template: Required value'],
    ['spec.selector; spec.template.metadata', 'spec.selector: Required value'],
    [
      'spec.template.spec.restartPolicy = "Never"',
      'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ],
  ]);
});

suite('daemon sets', () => {
  const body = {
    spec: {
      selector: { matchLabels: { app: 'a' } },
      template: { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
    },
  };
  testEdits(daemonSet, body, [
    [
      'spec.selector',
      'spec.template.metadata.labels: Invalid value: map[string]string{"app":"a"}: `selector` does not match template `labels`',
    ],
    [
      'spec.selector = {}',
      'spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string(nil), MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: empty selector is invalid for daemonset',
    ],
    [
      'spec.template.spec.restartPolicy = "OnFailure"',
      'spec.template.spec.restartPolicy: Unsupported value: "OnFailure": supported values: "Always"',
    ],
    [
      'spec.template.spec.activeDeadlineSeconds = 5',
      'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in DaemonSet is not Supported',
    ],
    [
      'spec.updateStrategy = {"type":"Slow"}',
      'spec.updateStrategy: Unsupported value: apps.DaemonSetUpdateStrategy{Type:"Slow", RollingUpdate:(*apps.RollingUpdateDaemonSet)(nil)}: supported values: "RollingUpdate", "OnDelete"',
    ],
    [
      'spec.updateStrategy = {"rollingUpdate":{"maxUnavailable":0}}',
      'spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0',
    ],
    [
      'spec.updateStrategy = {"rollingUpdate":{"maxUnavailable":1,"maxSurge":1}}',
      'spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: intstr.IntOrString{Type:0, IntVal:1, StrVal:""}: may not be set when maxUnavailable is non-zero',
    ],
    [
      'spec.minReadySeconds = -1; spec.revisionHistoryLimit = -1',
      'spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0',
      'spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0',
    ],
  ]);
  suite('updates', () =>
    testUpdates(daemonSet, body, [
      [
        'spec.selector = {"matchLabels":{"app":"b"}}',
        'spec.template.metadata.labels: Invalid value: map[string]string{"app":"a"}: `selector` does not match template `labels`',
        'spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string{"app":"b"}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: field is immutable',
      ],
    ]),
  );
});

suite('stateful sets', () => {
  const body = {
    spec: {
      serviceName: 's',
      selector: { matchLabels: { app: 'a' } },
      template: { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
    },
  };
  testEdits(statefulSet, body, [
    ['metadata.name = "a.b"', 'metadata.name: Invalid value: "a.b": {label}'],
    [
      'spec.podManagementPolicy = "Any"',
      `spec.podManagementPolicy: Invalid value: "Any": must be 'OrderedReady' or 'Parallel'`,
    ],
    [
      'spec.updateStrategy = {"type":"OnDelete","rollingUpdate":{"partition":1}}',
      "spec.updateStrategy.rollingUpdate: Invalid value: apps.RollingUpdateStatefulSetStrategy{Partition:(*int32)(0xc000a2e3c8), MaxUnavailable:(*intstr.IntOrString)(nil)}: only allowed for updateStrategy 'RollingUpdate'",
    ],
    [
      'spec.updateStrategy = {"type":"Some"}',
      `spec.updateStrategy: Invalid value: apps.StatefulSetUpdateStrategy{Type:"Some", RollingUpdate:(*apps.RollingUpdateStatefulSetStrategy)(nil)}: must be 'RollingUpdate' or 'OnDelete'`,
    ],
    [
      'spec.updateStrategy = {"rollingUpdate":{"partition":-1}}',
      'spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0',
    ],
    [
      'spec.persistentVolumeClaimRetentionPolicy = {"whenDeleted":"Keep"}',
      'spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: "Keep": supported values: "Retain", "Delete"',
    ],
    [
      'spec.replicas = -1; spec.ordinals = {"start":-1}',
      'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
      'spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0',
    ],
    [
      'spec.selector = {}',
      'spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string(nil), MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: empty selector is invalid for statefulset',
    ],
    [
      'spec.selector = {"matchLabels":{"app":"b"}}',
      'spec.template.metadata.labels: Invalid value: map[string]string{"app":"a"}: `selector` does not match template `labels`',
    ],
    [
      'spec.template.spec.restartPolicy = "Never"',
      'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ],
  ]);
  suite('updates', () =>
    testUpdates(statefulSet, body, [
      [
        'spec.serviceName = "t"',
        "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
      ],
    ]),
  );
});
