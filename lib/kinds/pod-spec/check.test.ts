/** Faults of pods as wholes: metadata, placement, security, names. */
import { pod } from '../pod.ts';
import { testEdits, testUpdates } from '../testing/edits.ts';

suite('pods', () => {
  const body = { spec: { containers: [{ name: 'main', image: 'nginx' }] } };
  testEdits(pod, body, [
    ['metadata.name = "A b"', 'metadata.name: Invalid value: "A b": {subdomain}'],
    ['metadata.labels = {"a b":"c"}', 'metadata.labels: Invalid value: "a b": {name part}'],
    ['metadata.labels = {"a":"c d"}', 'metadata.labels: Invalid value: "c d": {label value}'],
    [
      'metadata.annotations = {"a/b/c":"1"}',
      `metadata.annotations: Invalid value: "a/b/c": a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ],
    [
      'metadata.annotations = {"controller.kubernetes.io/pod-deletion-cost":"many"}',
      'metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: "many": must be a 32bit integer',
    ],
    [
      'metadata.annotations = {"kubernetes.io/config.mirror":"x"}',
      'metadata.annotations[kubernetes.io/config.mirror]: Invalid value: "x": must set spec.nodeName if mirror pod annotation is set',
    ],
    [
      'metadata.annotations = {"seccomp.security.alpha.kubernetes.io/pod":"none"}',
      'metadata.annotations.seccomp.security.alpha.kubernetes.io/pod: Invalid value: "none": must be a valid seccomp profile',
    ],
    [
      'metadata.annotations = {"container.apparmor.security.beta.kubernetes.io/other":"none"}',
      'metadata.annotations[container.apparmor.security.beta.kubernetes.io/other]: Invalid value: "other": container not found',
      'metadata.annotations[container.apparmor.security.beta.kubernetes.io/other]: Invalid value: "none": invalid AppArmor profile name: "none"',
    ],
    ['metadata.annotations = {"io.wherry.local/pod":"wbps=10Mi;/dev/vdb riops=5"}'],
    [
      'metadata.annotations = {"io.wherry.local/pod":"wbps=fast"}',
      'metadata.annotations[io.wherry.local/pod]: Invalid value: "wbps=fast": wbps must be a whole number from 1 to 9007199254740991, not "fast"',
    ],
    [
      'metadata.annotations = {"container.io.wherry.local/other":"wbps=1"}',
      'metadata.annotations[container.io.wherry.local/other]: Invalid value: "other": container not found',
    ],
    [
      'metadata.ownerReferences = [{"apiVersion":"","kind":"","name":"","uid":""}]',
      'metadata.ownerReferences.apiVersion: Invalid value: "": version must not be empty',
      'metadata.ownerReferences.kind: Invalid value: "": must not be empty',
      'metadata.ownerReferences.name: Invalid value: "": must not be empty',
      'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
    ],
    [
      'metadata.ownerReferences = [{"apiVersion":"v1","kind":"Event","name":"a","uid":"b"}]',
      'metadata.ownerReferences: Invalid value: v1.OwnerReference{APIVersion:"v1", Kind:"Event", Name:"a", UID:"b", Controller:(*bool)(nil), BlockOwnerDeletion:(*bool)(nil)}: /v1, Kind=Event is disallowed from being an owner',
    ],
    [
      'metadata.ownerReferences = [{"apiVersion":"v1","kind":"Pod","name":"a","uid":"b","controller":true},{"apiVersion":"v1","kind":"Pod","name":"c","uid":"d","controller":true}]',
      'metadata.ownerReferences: Invalid value: []v1.OwnerReference{v1.OwnerReference{APIVersion:"v1", Kind:"Pod", Name:"a", UID:"b", Controller:(*bool)(0xc000a2e3c8), BlockOwnerDeletion:(*bool)(nil)}, v1.OwnerReference{APIVersion:"v1", Kind:"Pod", Name:"c", UID:"d", Controller:(*bool)(0xc000a2e3c8), BlockOwnerDeletion:(*bool)(nil)}}: Only one reference can have Controller set to true. Found "true" in references for Pod/a and Pod/c',
    ],
    [
      'metadata.finalizers = ["plain"]',
      'metadata.finalizers[0]: Invalid value: "plain": name is neither a standard finalizer name nor is it fully qualified',
    ],
    [
      'metadata.finalizers = ["a b"]',
      'metadata.finalizers: Invalid value: "a b": {name part}',
      'metadata.finalizers[0]: Invalid value: "a b": name is neither a standard finalizer name nor is it fully qualified',
    ],
    [
      'metadata.finalizers = ["orphan","foregroundDeletion"]',
      'metadata.finalizers: Invalid value: []string{"orphan", "foregroundDeletion"}: finalizer orphan and foregroundDeletion cannot be both set',
    ],
    ['metadata.generateName = "Bad-"', 'metadata.generateName: Invalid value: "Bad-": {subdomain}'],
    [
      'spec.securityContext = {"fsGroup":-1,"runAsUser":-1,"runAsGroup":2147483648,"supplementalGroups":[-1]}',
      'spec.securityContext.fsGroup: Invalid value: -1: must be between 0 and 2147483647, inclusive',
      'spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive',
      'spec.securityContext.runAsGroup: Invalid value: 2147483648: must be between 0 and 2147483647, inclusive',
      'spec.securityContext.supplementalGroups[0]: Invalid value: -1: must be between 0 and 2147483647, inclusive',
    ],
    [
      'spec.securityContext = {"sysctls":[{"name":"","value":""},{"name":"a b","value":""},{"name":"net.a","value":""},{"name":"net.a","value":""}]}',
      'spec.securityContext.sysctls[0].name: Required value',
      'spec.securityContext.sysctls[1].name: Invalid value: "a b": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$',
      'spec.securityContext.sysctls[3].name: Duplicate value: "net.a"',
    ],
    [
      'spec.hostNetwork = true; spec.securityContext = {"sysctls":[{"name":"net.a","value":""}]}',
      `spec.securityContext.sysctls[0].name: Invalid value: "net.a": may not be specified when 'hostNetwork' is true`,
    ],
    [
      'spec.hostIPC = true; spec.securityContext = {"sysctls":[{"name":"kernel.shmmax","value":""}]}',
      `spec.securityContext.sysctls[0].name: Invalid value: "kernel.shmmax": may not be specified when 'hostIPC' is true`,
    ],
    [
      'spec.securityContext = {"fsGroupChangePolicy":"Never","supplementalGroupsPolicy":"All"}',
      'spec.securityContext.fsGroupChangePolicy: Unsupported value: "Never": supported values: "Always", "OnRootMismatch"',
      'spec.securityContext.supplementalGroupsPolicy: Unsupported value: "All": supported values: "Merge", "Strict"',
    ],
    [
      'spec.hostUsers = false; spec.hostNetwork = true; spec.hostPID = true; spec.hostIPC = true',
      'spec.hostNetwork: Forbidden: when `pod.Spec.HostUsers` is false',
      'spec.HostPID: Forbidden: when `pod.Spec.HostUsers` is false',
      'spec.HostIPC: Forbidden: when `pod.Spec.HostUsers` is false',
    ],
    ['spec.os = {"name":""}', 'spec.os.name: Required value: cannot be empty'],
    ['spec.os = {"name":"plan9"}', 'spec.os: Unsupported value: "plan9": supported values: "linux", "windows"'],
    [
      'spec.os = {"name":"windows"}; spec.hostPID = true; spec.securityContext = {"runAsUser":1,"seLinuxOptions":{}}; spec.containers[0].securityContext = {"privileged":true,"capabilities":{}}',
      'spec.securityContext.seLinuxOptions: Forbidden: cannot be set for a windows pod',
      'spec.hostPID: Forbidden: cannot be set for a windows pod',
      'spec.securityContext.runAsUser: Forbidden: cannot be set for a windows pod',
      'spec.containers[0].securityContext.capabilities: Forbidden: cannot be set for a windows pod',
      'spec.containers[0].securityContext.privileged: Forbidden: cannot be set for a windows pod',
    ],
    [
      'spec.os = {"name":"linux"}; spec.securityContext = {"windowsOptions":{}}',
      'spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod',
    ],
    [
      'spec.securityContext = {"windowsOptions":{"hostProcess":true}}',
      'spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers',
    ],
    [
      'spec.restartPolicy = "Once"',
      'spec.restartPolicy: Unsupported value: "Once": supported values: "Always", "OnFailure", "Never"',
    ],
    [
      'spec.dnsPolicy = "Some"',
      'spec.dnsPolicy: Unsupported value: "Some": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"',
    ],
    ['spec.dnsPolicy = "None"', 'spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None'],
    [
      'spec.dnsPolicy = "None"; spec.dnsConfig = {}',
      'spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when `dnsPolicy` is None',
    ],
    [
      'spec.dnsConfig = {"nameservers":["1.1.1.1","1.1.1.2","1.1.1.3","x"]}',
      'spec.dnsConfig.nameservers: Invalid value: []string{"1.1.1.1", "1.1.1.2", "1.1.1.3", "x"}: must not have more than 3 nameservers',
      'spec.dnsConfig.nameservers[3]: Invalid value: "x": {ip}',
    ],
    [
      'spec.dnsConfig = {"searches":["a_b.c"],"options":[{}]}',
      'spec.dnsConfig.searches[0]: Invalid value: "a_b.c": {subdomain}',
      'spec.dnsConfig.options[0]: Required value: must not be empty',
    ],
    ['spec.nodeSelector = {"a b":"c"}', 'spec.nodeSelector: Invalid value: "a b": {name part}'],
    ['spec.nodeName = "A"', 'spec.nodeName: Invalid value: "A": {subdomain}'],
    ['spec.serviceAccountName = "A"', 'spec.serviceAccountName: Invalid value: "A": {subdomain}'],
    ['spec.hostname = "a.b"', 'spec.hostname: Invalid value: "a.b": {label}'],
    ['spec.subdomain = "a.b"', 'spec.subdomain: Invalid value: "a.b": {label}'],
    ['spec.priorityClassName = "A"', 'spec.priorityClassName: Invalid value: "A": {subdomain}'],
    ['spec.runtimeClassName = "A"', 'spec.runtimeClassName: Invalid value: "A": {subdomain}'],
    [
      'spec.preemptionPolicy = "Sometimes"',
      'spec.preemptionPolicy: Unsupported value: "Sometimes": supported values: "PreemptLowerPriority", "Never"',
    ],
    [
      'spec.activeDeadlineSeconds = 0',
      'spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive',
    ],
    ['spec.imagePullSecrets = [{"name":""}]', 'spec.imagePullSecrets[0].name: Required value'],
    [
      'spec.hostAliases = [{"ip":"1.2.3","hostnames":["a_b"]}]',
      'spec.hostAliases[0].ip: Invalid value: "1.2.3": {ip}',
      'spec.hostAliases[0].hostnames[0]: Invalid value: "a_b": {subdomain}',
    ],
    [
      'spec.readinessGates = [{"conditionType":"a b"}]',
      'spec.readinessGates[0].conditionType: Invalid value: "a b": {name part}',
    ],
    [
      'spec.schedulingGates = [{"name":"a b"},{"name":"c"},{"name":"c"}]',
      'spec.schedulingGates[0]: Invalid value: "a b": {name part}',
      'spec.schedulingGates[2]: Duplicate value: "c"',
    ],
    [
      'spec.schedulingGates = [{"name":"c"}]; spec.nodeName = "n"',
      'spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared',
    ],
    ['spec.overhead = {"cpu":"-1"}', 'spec.overhead[cpu]: Invalid value: "-1": must be greater than or equal to 0'],
    [
      'spec.overhead = {"colour":"1"}',
      'spec.overhead[colour]: Invalid value: "colour": must be a standard resource type or fully qualified',
    ],
    ['spec.tolerations = [{"key":"a b"}]', 'spec.tolerations[0].key: Invalid value: "a b": {name part}'],
    [
      'spec.tolerations = [{"operator":"Exists","effect":"NoSchedule","tolerationSeconds":1}]',
      'spec.tolerations[0].effect: Invalid value: "NoSchedule": effect must be \'NoExecute\' when `tolerationSeconds` is set',
    ],
    [
      'spec.tolerations = [{"key":"a","operator":"Like"}]',
      'spec.tolerations[0].operator: Unsupported value: "Like": supported values: "Equal", "Exists"',
    ],
    [
      'spec.tolerations = [{"key":"a","value":"b c"}]',
      'spec.tolerations[0].operator: Invalid value: "b c": {label value}',
    ],
    [
      'spec.tolerations = [{"key":"a","effect":"Never"}]',
      'spec.tolerations[0].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
    ],
    [
      'spec.topologySpreadConstraints = [{"maxSkew":0,"topologyKey":"","whenUnsatisfiable":"Wait"}]',
      'spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero',
      'spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty',
      'spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "Wait": supported values: "DoNotSchedule", "ScheduleAnyway"',
    ],
    [
      'spec.topologySpreadConstraints = [{"maxSkew":1,"topologyKey":"a","whenUnsatisfiable":"ScheduleAnyway","minDomains":0,"nodeAffinityPolicy":"Some","matchLabelKeys":["x"]}]',
      'spec.topologySpreadConstraints[0].minDomains: Invalid value: 0: must be greater than zero',
      'spec.topologySpreadConstraints[0].minDomains: Invalid value: 0: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway',
      'spec.topologySpreadConstraints[0].nodeAffinityPolicy: Unsupported value: "Some": supported values: "Honor", "Ignore"',
      'spec.topologySpreadConstraints[0].matchLabelKeys: Forbidden: must not be specified when labelSelector is not set',
    ],
    [
      'spec.topologySpreadConstraints = [{"maxSkew":1,"topologyKey":"a","whenUnsatisfiable":"DoNotSchedule"},{"maxSkew":2,"topologyKey":"a","whenUnsatisfiable":"DoNotSchedule"}]',
      'spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: "{a, DoNotSchedule}"',
    ],
    [
      'spec.affinity = {"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[]}}}',
      'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term',
    ],
    [
      'spec.affinity = {"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"a","operator":"In"},{"key":"a","operator":"Gt","values":[]},{"key":"a","operator":"Exists","values":["b"]},{"key":"a b","operator":"Like"}],"matchFields":[{"key":"spec.x","operator":"In","values":["a"]}]}]}}}',
      "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
      "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[1].values: Required value: must be specified single value when `operator` is 'Lt' or 'Gt'",
      "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[2].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
      'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[3].operator: Invalid value: "Like": not a valid selector operator',
      'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[3].key: Invalid value: "a b": {name part}',
      'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].key: Invalid value: "spec.x": not a valid field selector key',
    ],
    [
      'spec.affinity = {"nodeAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":0,"preference":{}}]}}',
      'spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the range 1-100',
    ],
    [
      'spec.affinity = {"podAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"topologyKey":"","namespaces":["A"],"matchLabelKeys":["x"]}]}}',
      'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].namespace: Invalid value: "A": {label}',
      'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].matchLabelKeys: Forbidden: must not be specified when labelSelector is not set',
      'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value: can not be empty',
      'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value: "": name part must be non-empty',
      'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value: "": {name part}',
    ],
    [
      'spec.affinity = {"podAntiAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":101,"podAffinityTerm":{"topologyKey":"a","labelSelector":{"matchExpressions":[{"key":"a","operator":"Like"}]}}}]}}',
      'spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 101: must be in the range 1-100',
      'spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.labelSelector.matchExpressions[0].operator: Invalid value: "Like": not a valid selector operator',
    ],
    ['spec.initContainers = [{"name":"main","image":"x"}]', 'spec.initContainers[0].name: Duplicate value: "main"'],
    [
      'spec.initContainers = [{"name":"i","image":"x","restartPolicy":"Never"}]',
      'spec.initContainers[0].restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ],
    [
      'spec.initContainers = [{"name":"i","image":"x","lifecycle":{"preStop":{"exec":{"command":["a"]}}}}]',
      'spec.initContainers[0].lifecycle: Forbidden: may not be set for init containers without restartPolicy=Always',
    ],
  ]);
  suite('updates', () =>
    testUpdates(pod, body, [
      [
        'metadata.annotations = {"io.wherry.local/pod":"wbps=1"}',
        'metadata.annotations[io.wherry.local/pod]: Forbidden: may not add limits of input and output',
      ],
      [
        'spec.containers[0].image = ""',
        'spec.containers[0].image: Required value',
        'spec.containers[0].image: Required value',
      ],
      [
        'spec.containers[0].image = " x"',
        'spec.containers[0].image: Invalid value: " x": must not have leading or trailing whitespace',
        'spec.containers[0].image: Invalid value: " x": must not have leading or trailing whitespace',
      ],
      [
        'spec.schedulingGates = [{"name":"new"}]',
        "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'new'",
      ],
      [
        'spec.activeDeadlineSeconds = -1',
        'spec.activeDeadlineSeconds: Invalid value: -1: must be between 1 and 2147483647, inclusive',
        'spec.activeDeadlineSeconds: Invalid value: -1: must be between 0 and 2147483647, inclusive',
      ],
      [
        'spec.tolerations = [{"key":"a b"}]',
        'spec.tolerations[0].key: Invalid value: "a b": {name part}',
        'spec.tolerations[0].key: Invalid value: "a b": {name part}',
      ],
      [
        'spec.initContainers = [{"name":"i","image":"x"}]',
        'spec.initContainers: Forbidden: pod updates may not add or remove containers',
      ],
      [
        'metadata.annotations = {"kubernetes.io/config.mirror":"x"}',
        'metadata.annotations[kubernetes.io/config.mirror]: Invalid value: "x": must set spec.nodeName if mirror pod annotation is set',
        'metadata.annotations[kubernetes.io/config.mirror]: Forbidden: may not add mirror pod annotation',
      ],
      ['metadata.labels = {"a b":""}', 'metadata.labels: Invalid value: "a b": {name part}'],
      ['metadata.uid = "other"', 'metadata.uid: Invalid value: "other": field is immutable'],
    ]),
  );
});

suite('gated pods', () => {
  const body = {
    spec: {
      containers: [{ name: 'main', image: 'nginx' }],
      schedulingGates: [{ name: 'g' }],
      nodeSelector: { a: 'b' },
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: 'x', operator: 'Exists' }] }],
          },
        },
      },
    },
  };
  suite('updates', () =>
    testUpdates(pod, body, [
      [
        'spec.nodeSelector = {"a":"c"}',
        'spec.nodeSelector: Invalid value: map[string]string{"a":"c"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)',
      ],
      [
        'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms = [{"matchExpressions":[{"key":"y","operator":"Exists"}]}]',
        'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]: Invalid value: core.NodeSelectorTerm{MatchExpressions:[]core.NodeSelectorRequirement{core.NodeSelectorRequirement{Key:"y", Operator:"Exists", Values:[]string(nil)}}, MatchFields:[]core.NodeSelectorRequirement(nil)}: only additions are allowed (no mutations or deletions)',
      ],
      [
        'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[1] = {"matchExpressions":[{"key":"y","operator":"Exists"}]}',
        'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Invalid value: []core.NodeSelectorTerm{core.NodeSelectorTerm{MatchExpressions:[]core.NodeSelectorRequirement{core.NodeSelectorRequirement{Key:"x", Operator:"Exists", Values:[]string(nil)}}, MatchFields:[]core.NodeSelectorRequirement(nil)}, core.NodeSelectorTerm{MatchExpressions:[]core.NodeSelectorRequirement{core.NodeSelectorRequirement{Key:"y", Operator:"Exists", Values:[]string(nil)}}, MatchFields:[]core.NodeSelectorRequirement(nil)}}: no additions/deletions to non-empty NodeSelectorTerms list are allowed',
      ],
    ]),
  );
});
