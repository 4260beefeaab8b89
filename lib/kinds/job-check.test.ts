/** Faults of jobs and cron jobs. */
import { job } from './job.ts';
import { cronJob } from './cron-job.ts';
import { testEdits, testUpdates } from './testing/edits.ts';

suite('jobs', () => {
  const body = {
    spec: {
      selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u1' } },
      template: {
        metadata: {
          labels: {
            'controller-uid': 'u1',
            'job-name': 'some',
            'batch.kubernetes.io/controller-uid': 'u1',
            'batch.kubernetes.io/job-name': 'some',
          },
        },
        spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'x' }] },
      },
    },
  };
  testEdits(job, body, [
    ['spec.parallelism = -1', 'spec.parallelism: Invalid value: -1: must be greater than or equal to 0'],
    [
      'spec.completions = -1; spec.backoffLimit = -1; spec.activeDeadlineSeconds = -1; spec.ttlSecondsAfterFinished = -1',
      'spec.completions: Invalid value: -1: must be greater than or equal to 0',
      'spec.activeDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0',
      'spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0',
      'spec.ttlSecondsAfterFinished: Invalid value: -1: must be greater than or equal to 0',
    ],
    [
      'spec.selector',
      'spec.selector: Required value',
      'spec.template.metadata.labels: Invalid value: map[string]string{"batch.kubernetes.io/controller-uid":"u1", "batch.kubernetes.io/job-name":"some", "controller-uid":"u1", "job-name":"some"}: `selector` does not match template `labels`',
    ],
    [
      'spec.template.metadata.labels.job-name',
      "spec.template.metadata.labels[job-name]: Required value: must be 'some'",
    ],
    [
      'spec.template.metadata.labels.job-name = "other"',
      `spec.template.metadata.labels[job-name]: Invalid value: map[string]string{"batch.kubernetes.io/controller-uid":"u1", "batch.kubernetes.io/job-name":"some", "controller-uid":"u1", "job-name":"other"}: must be 'some'`,
    ],
    [
      'spec.selector = {"matchLabels":{"x":"y"}}',
      'spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string{"x":"y"}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: `selector` not auto-generated',
      'spec.template.metadata.labels: Invalid value: map[string]string{"batch.kubernetes.io/controller-uid":"u1", "batch.kubernetes.io/job-name":"some", "controller-uid":"u1", "job-name":"some"}: `selector` does not match template `labels`',
    ],
    [
      'spec.completionMode = "Sorted"',
      'spec.completionMode: Unsupported value: "Sorted": supported values: "NonIndexed", "Indexed"',
    ],
    [
      'spec.completionMode = "Indexed"; spec.parallelism = 2',
      'spec.completions: Required value: when completion mode is Indexed',
    ],
    [
      'spec.completionMode = "Indexed"; spec.completions = 1; spec.parallelism = 100001',
      'spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 when completion mode is Indexed',
    ],
    ['spec.backoffLimitPerIndex = 1', 'spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode'],
    [
      'spec.completionMode = "Indexed"; spec.completions = 2; spec.maxFailedIndexes = 3; spec.backoffLimitPerIndex = 1',
      'spec.maxFailedIndexes: Invalid value: 3: must be less than or equal to completions',
    ],
    [
      'spec.completionMode = "Indexed"; spec.completions = 2; spec.maxFailedIndexes = 1',
      'spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified',
    ],
    [
      'spec.completionMode = "Indexed"; spec.completions = 100001; spec.parallelism = 10001; spec.backoffLimitPerIndex = 1',
      'spec.maxFailedIndexes: Required value: must be specified when completions is above 100000',
      'spec.parallelism: Invalid value: 10001: must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index',
    ],
    [
      'spec.completionMode = "Indexed"; spec.completions = 2; metadata.name = "a.b"; spec.manualSelector = true',
      'metadata.name: Invalid value: "a.b": will not able to create pod with invalid DNS label: a.b-1',
    ],
    [
      'spec.managedBy = "me"',
      'spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")',
    ],
    [
      'spec.managedBy = "a_b/c d"',
      'spec.managedBy: Invalid value: "a_b": {subdomain}',
      `spec.managedBy: Invalid value: "c d": Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')`,
    ],
    [
      'spec.podReplacementPolicy = "Never"',
      'spec.podReplacementPolicy: Unsupported value: "Never": supported values: "Failed", "TerminatingOrFailed"',
    ],
    [
      'spec.template.spec.restartPolicy',
      'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
    ],
    [
      'spec.template.spec.restartPolicy = "Maybe"',
      'spec.template.spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"',
      'spec.template.spec.restartPolicy: Unsupported value: "Maybe": supported values: "OnFailure", "Never"',
    ],
    [
      'spec.template.spec.restartPolicy = "OnFailure"; spec.podFailurePolicy = {"rules":[]}',
      'spec.template.spec.restartPolicy: Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified',
    ],
    [
      'spec.podFailurePolicy = {"rules":[{"action":"Shrug"}]}',
      'spec.podFailurePolicy.rules[0].action: Unsupported value: "Shrug": supported values: "Count", "FailIndex", "FailJob", "Ignore"',
      'spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required',
    ],
    [
      'spec.podFailurePolicy = {"rules":[{"action":"FailIndex","onExitCodes":{"operator":"Is","values":[]}}]}',
      'spec.podFailurePolicy.rules[0].action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set',
      'spec.podFailurePolicy.rules[0].onExitCodes.operator: Unsupported value: "Is": supported values: "In", "NotIn"',
      'spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: []int32{}: at least one value is required',
    ],
    [
      'spec.podFailurePolicy = {"rules":[{"action":"FailJob","onExitCodes":{"operator":"In","containerName":"x","values":[3,0,3]},"onPodConditions":[{"type":"a b","status":"Maybe"}]}]}',
      'spec.podFailurePolicy.rules[0].onExitCodes.containerName: Invalid value: "x": must be one of the container or initContainer names in the pod template',
      'spec.podFailurePolicy.rules[0].onExitCodes.values[1]: Invalid value: 0: must not be 0 for the In operator',
      'spec.podFailurePolicy.rules[0].onExitCodes.values[2]: Duplicate value: 3',
      'spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: []int32{3, 0, 3}: must be ordered',
      'spec.podFailurePolicy.rules[0].onPodConditions[0].type: Invalid value: "a b": {name part}',
      'spec.podFailurePolicy.rules[0].onPodConditions[0].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"',
      'spec.podFailurePolicy.rules[0]: Invalid value: specifying both OnExitCodes and OnPodConditions is not supported',
    ],
    [
      'spec.podFailurePolicy = {"rules":[]}; spec.podReplacementPolicy = "TerminatingOrFailed"',
      'spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: "Failed"',
    ],
    [
      'spec.successPolicy = {"rules":[]}',
      'spec.successPolicy: Invalid value: batch.SuccessPolicy{Rules:[]batch.SuccessPolicyRule{}}: requires indexed completion mode',
    ],
    [
      'spec.completionMode = "Indexed"; spec.completions = 5; spec.successPolicy = {"rules":[]}',
      'spec.successPolicy.rules: Required value: at least one rules must be specified when the successPolicy is specified',
    ],
    [
      'spec.completionMode = "Indexed"; spec.completions = 5; spec.successPolicy = {"rules":[{},{"succeededIndexes":"1,7"},{"succeededIndexes":"3-1"},{"succeededIndexes":"1-2-3"},{"succeededIndexes":"x"},{"succeededIndexes":"0-2","succeededCount":4},{"succeededCount":6}]}',
      'spec.successPolicy.rules[0]: Required value: at least one of succeededCount or succeededIndexes must be specified',
      'spec.successPolicy.rules[1].succeededIndexes: Invalid value: "1,7": error parsing succeededIndexes: too large index: "7"',
      'spec.successPolicy.rules[2].succeededIndexes: Invalid value: "3-1": error parsing succeededIndexes: non-increasing order, previous: 3, current: 1',
      `spec.successPolicy.rules[3].succeededIndexes: Invalid value: "1-2-3": error parsing succeededIndexes: the fragment "1-2-3" violates the requirement that an index interval can have at most two parts separated by '-'`,
      'spec.successPolicy.rules[4].succeededIndexes: Invalid value: "x": error parsing succeededIndexes: cannot convert string to integer for index: "x"',
      'spec.successPolicy.rules[5].succeededCount: Invalid value: 4: must be less than or equal to 3 (the number of indexes in the specified succeededIndexes field)',
      'spec.successPolicy.rules[6].succeededCount: Invalid value: 6: must be less than or equal to 5 (the number of specified completions)',
    ],
  ]);
  suite('updates', () =>
    testUpdates(job, body, [
      ['spec.completions = 3', 'spec.completions: Invalid value: 3: field is immutable'],
      ['spec.completionMode = "Indexed"', 'spec.completionMode: Invalid value: "Indexed": field is immutable'],
      [
        'spec.podFailurePolicy = {"rules":[]}; spec.podReplacementPolicy = "Failed"',
        'spec.podFailurePolicy: Invalid value: batch.PodFailurePolicy{Rules:[]batch.PodFailurePolicyRule{}}: field is immutable',
      ],
      ['spec.managedBy = "a.b/c"', 'spec.managedBy: Invalid value: "a.b/c": field is immutable'],
      [
        'spec.backoffLimitPerIndex = 1',
        'spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode',
        'spec.backoffLimitPerIndex: Invalid value: 1: field is immutable',
      ],
    ]),
  );
});

suite('suspended jobs', () => {
  const body = {
    spec: {
      selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u1' } },
      suspend: true,
      completionMode: 'Indexed',
      completions: 2,
      parallelism: 2,
      template: {
        metadata: {
          labels: {
            'controller-uid': 'u1',
            'job-name': 'some',
            'batch.kubernetes.io/controller-uid': 'u1',
            'batch.kubernetes.io/job-name': 'some',
          },
        },
        spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'x' }] },
      },
    },
  };
  suite('updates', () =>
    testUpdates(job, body, [
      [
        'spec.completions = 3',
        'spec.completions: Invalid value: 3: can only be modified in tandem with spec.parallelism',
      ],
      [
        'spec.template.spec.dnsPolicy = "Default"; spec.template.spec.nodeSelector = {"a":"b"}',
        'spec.template: Invalid value: core.PodTemplateSpec{ObjectMeta:v1.ObjectMeta{Name:"", GenerateName:"", Namespace:"", SelfLink:"", UID:"", ResourceVersion:"", Generation:0, CreationTimestamp:time.Date(1, time.January, 1, 0, 0, 0, 0, time.UTC), DeletionTimestamp:<nil>, DeletionGracePeriodSeconds:(*int64)(nil), Labels:map[string]string{"batch.kubernetes.io/controller-uid":"u1", "batch.kubernetes.io/job-name":"some", "controller-uid":"u1", "job-name":"some"}, Annotations:map[string]string(nil), OwnerReferences:[]v1.OwnerReference(nil), Finalizers:[]string(nil), ManagedFields:[]v1.ManagedFieldsEntry(nil)}, Spec:core.PodSpec{Volumes:[]core.Volume(nil), InitContainers:[]core.Container(nil), Containers:[]core.Container{core.Container{Name:"c", Image:"x", Command:[]string(nil), Args:[]string(nil), WorkingDir:"", Ports:[]core.ContainerPort(nil), EnvFrom:[]core.EnvFromSource(nil), Env:[]core.EnvVar(nil), Resources:core.ResourceRequirements{Limits:core.ResourceList(nil), Requests:core.ResourceList(nil), Claims:[]core.ResourceClaim(nil)}, ResizePolicy:[]core.ContainerResizePolicy(nil), RestartPolicy:(*string)(nil), VolumeMounts:[]core.VolumeMount(nil), VolumeDevices:[]core.VolumeDevice(nil), LivenessProbe:(*core.Probe)(nil), ReadinessProbe:(*core.Probe)(nil), StartupProbe:(*core.Probe)(nil), Lifecycle:(*core.Lifecycle)(nil), TerminationMessagePath:"/dev/termination-log", TerminationMessagePolicy:"File", ImagePullPolicy:"Always", SecurityContext:(*core.SecurityContext)(nil), Stdin:false, StdinOnce:false, TTY:false}}, EphemeralContainers:[]core.EphemeralContainer(nil), RestartPolicy:"Never", TerminationGracePeriodSeconds:(*int64)(0xc000a2e3c8), ActiveDeadlineSeconds:(*int64)(nil), DNSPolicy:"Default", NodeSelector:map[string]string{"a":"b"}, ServiceAccountName:"", AutomountServiceAccountToken:(*bool)(nil), NodeName:"", SecurityContext:(*core.PodSecurityContext)(0xc000a2e3c8), ImagePullSecrets:[]core.LocalObjectReference(nil), Hostname:"", Subdomain:"", Affinity:(*core.Affinity)(nil), SchedulerName:"default-scheduler", Tolerations:[]core.Toleration(nil), HostAliases:[]core.HostAlias(nil), PriorityClassName:"", Priority:(*int32)(nil), DNSConfig:(*core.PodDNSConfig)(nil), ReadinessGates:[]core.PodReadinessGate(nil), RuntimeClassName:(*string)(nil), EnableServiceLinks:(*bool)(nil), PreemptionPolicy:(*string)(nil), Overhead:core.ResourceList(nil), TopologySpreadConstraints:[]core.TopologySpreadConstraint(nil), SetHostnameAsFQDN:(*bool)(nil), OS:(*core.PodOS)(nil), SchedulingGates:[]core.PodSchedulingGate(nil), ResourceClaims:[]core.PodResourceClaim(nil), Resources:(*core.ResourceRequirements)(nil)}}: field is immutable',
      ],
    ]),
  );
});

suite('cron jobs', () => {
  const body = {
    spec: {
      schedule: '* * * * *',
      jobTemplate: {
        spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'x' }] } } },
      },
    },
  };
  testEdits(cronJob, body, [
    ['spec.schedule = ""', 'spec.schedule: Required value'],
    ['spec.schedule = "often"', 'spec.schedule: Invalid value: "often": expected exactly 5 fields, found 1: [often]'],
    ['spec.schedule = "* * * * 8"', 'spec.schedule: Invalid value: "* * * * 8": end of range (8) above maximum (6): 8'],
    [
      'spec.schedule = "TZ=UTC * * * * *"',
      'spec.schedule: Invalid value: "TZ=UTC * * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
    ],
    [
      'spec.schedule = "CRON_TZ=Mars/X * * * * *"',
      'spec.schedule: Invalid value: "CRON_TZ=Mars/X * * * * *": provided bad location Mars/X: unknown time zone Mars/X',
      'spec.schedule: Invalid value: "CRON_TZ=Mars/X * * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
    ],
    ['spec.timeZone = ""', 'spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string'],
    [
      'spec.timeZone = "Local"',
      'spec.timeZone: Invalid value: "Local": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
    ],
    ['spec.timeZone = "Mars/Olympus"', 'spec.timeZone: Invalid value: "Mars/Olympus": unknown time zone Mars/Olympus'],
    ['spec.timeZone = "-x"', 'spec.timeZone: Invalid value: "-x": unknown time zone -x'],
    [
      'spec.startingDeadlineSeconds = -1',
      'spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0',
    ],
    [
      'spec.concurrencyPolicy = "Queue"',
      'spec.concurrencyPolicy: Unsupported value: "Queue": supported values: "Allow", "Forbid", "Replace"',
    ],
    [
      'spec.successfulJobsHistoryLimit = -1; spec.failedJobsHistoryLimit = -1',
      'spec.successfulJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0',
      'spec.failedJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0',
    ],
    [
      'spec.jobTemplate.spec.selector = {}',
      'spec.jobTemplate.spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string(nil), MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: `selector` will be auto-generated',
    ],
    [
      'spec.jobTemplate.spec.manualSelector = true',
      'spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil", "false"',
    ],
    [
      'spec.jobTemplate.spec.template.spec.restartPolicy = "Always"',
      'spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
    ],
    [
      'metadata.name = "a-name-of-more-than-fifty-two-letters-is-too-long-for-it"',
      'metadata.name: Invalid value: "a-name-of-more-than-fifty-two-letters-is-too-long-for-it": must be no more than 52 characters',
    ],
  ]);
});
