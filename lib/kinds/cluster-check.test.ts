/** Faults of nodes, namespaces, their limits and what they hold. */
import { node } from './node.ts';
import { namespace } from './namespace.ts';
import { limitRange } from './limit-range.ts';
import { resourceQuota } from './resource-quota.ts';
import { configMap } from './config-map.ts';
import { secret } from './secret.ts';
import { runtimeClass } from './runtime-class.ts';
import { priorityClass } from './priority-class.ts';
import { podDisruptionBudget } from './pod-disruption-budget.ts';
import { horizontalPodAutoscaler } from './horizontal-pod-autoscaler.ts';
import { horizontalPodAutoscalerV1 } from './horizontal-pod-autoscaler-v1.ts';
import { testEdits, testUpdates } from './testing/edits.ts';

suite('nodes', () => {
  const body = { spec: { podCIDR: '10.0.0.0/24', providerID: 'a' } };
  testEdits(node, body, [
    [
      'spec.taints = [{"key":"a b","value":"c d","effect":"Some"}]',
      'metadata.taints[0].key: Invalid value: "a b": {name part}',
      'metadata.taints[0].value: Invalid value: "c d": {label value}',
      'metadata.taints[0].effect: Unsupported value: "Some": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
    ],
    [
      'spec.taints = [{"key":"a","effect":"NoSchedule"},{"key":"a","effect":"NoSchedule"}]',
      'metadata.taints[1]: Duplicate value: core.Taint{Key:"a", Value:"", Effect:"NoSchedule", TimeAdded:<nil>}: taints must be unique by key and effect pair',
    ],
    [
      'spec.podCIDRs = ["10.0.0.0/24","10.0.1.0/24"]',
      'spec.podCIDRs: Invalid value: []string{"10.0.0.0/24", "10.0.1.0/24"}: may specify no more than one CIDR for each IP family',
    ],
    [
      'spec.podCIDRs = ["10.0.0.0/24","x"]',
      'spec.podCIDRs[1]: Invalid value: "x": {cidr}',
      'spec.podCIDRs: Invalid value: []string{"10.0.0.0/24", "x"}: may specify no more than one CIDR for each IP family',
    ],
    [
      'status.capacity = {"cpu":"-1"}',
      'status.capacity.cpu: Invalid value: "-1": must be greater than or equal to 0',
      'status.allocatable.cpu: Invalid value: "-1": must be greater than or equal to 0',
    ],
    [
      'status.allocatable = {"example.com/gpu":"500m"}',
      'status.allocatable.example.com/gpu: Invalid value: resource.Quantity{i:resource.int64Amount{value:500, scale:-3}, d:resource.infDecAmount{Dec:(*inf.Dec)(nil)}, s:"500m", Format:"DecimalSI"}: must be an integer',
    ],
  ]);
  suite('updates', () =>
    testUpdates(node, body, [
      [
        'spec.podCIDR = "10.0.1.0/24"; spec.podCIDRs = ["10.0.1.0/24"]',
        'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
      ],
      [
        'spec.providerID = "b"',
        'spec.providerID: Forbidden: node updates may not change providerID except from "" to valid',
      ],
      [
        'status.addresses = [{"type":"Hostname","address":"a"},{"type":"Hostname","address":"a"}]',
        'status.addresses[1]: Duplicate value: core.NodeAddress{Type:"Hostname", Address:"a"}',
      ],
      ['spec.externalID = "x"', 'spec.externalID: Forbidden: may not be updated'],
    ]),
  );
});

suite('namespaces', () => {
  const body = { spec: {} };
  testEdits(namespace, body, [
    ['metadata.name = "a.b"; metadata.labels = {}', 'metadata.name: Invalid value: "a.b": {label}'],
    [
      'spec.finalizers = ["plain"]',
      'spec.finalizers: Invalid value: "plain": name is neither a standard finalizer name nor is it fully qualified',
    ],
  ]);
});

suite('limit ranges', () => {
  const body = { spec: { limits: [{ type: 'Container', max: { cpu: '2' }, min: { cpu: '1' } }] } };
  testEdits(limitRange, body, [
    [
      'spec.limits = [{"type":"Some"},{"type":"Some"}]',
      'spec.limits[0].type: Invalid value: "Some": must be a standard limit type or fully qualified',
      'spec.limits[1].type: Invalid value: "Some": must be a standard limit type or fully qualified',
      'spec.limits[1].type: Duplicate value: "Some"',
    ],
    [
      'spec.limits = [{"type":"Container","max":{"colour":"1"}}]',
      'spec.limits[0].max[colour]: Invalid value: "colour": must be a standard resource type or fully qualified',
      'spec.limits[0].max[colour]: Invalid value: "colour": must be a standard resource for containers',
      'spec.limits[0].default[colour]: Invalid value: "colour": must be a standard resource type or fully qualified',
      'spec.limits[0].default[colour]: Invalid value: "colour": must be a standard resource for containers',
      'spec.limits[0].defaultRequest[colour]: Invalid value: "colour": must be a standard resource type or fully qualified',
      'spec.limits[0].defaultRequest[colour]: Invalid value: "colour": must be a standard resource for containers',
    ],
    [
      'spec.limits = [{"type":"Pod","default":{"cpu":"1"},"defaultRequest":{"cpu":"1"}}]',
      "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
      "spec.limits[0].defaultRequest: Forbidden: may not be specified when `type` is 'Pod'",
    ],
    [
      'spec.limits = [{"type":"PersistentVolumeClaim"}]',
      'spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided',
    ],
    [
      'spec.limits = [{"type":"Pod","min":{"cpu":"2"},"max":{"cpu":"1"}}]',
      'spec.limits[0].min[cpu]: Invalid value: resource.Quantity{i:resource.int64Amount{value:2, scale:0}, d:resource.infDecAmount{Dec:(*inf.Dec)(nil)}, s:"2", Format:"DecimalSI"}: min value 2 is greater than max value 1',
    ],
    [
      'spec.limits = [{"type":"Container","min":{"cpu":"2"},"default":{"cpu":"1"},"defaultRequest":{"cpu":"3"},"max":{"cpu":"2"}}]',
      'spec.limits[0].defaultRequest[cpu]: Invalid value: resource.Quantity{i:resource.int64Amount{value:3, scale:0}, d:resource.infDecAmount{Dec:(*inf.Dec)(nil)}, s:"3", Format:"DecimalSI"}: default request value 3 is greater than max value 2',
      'spec.limits[0].defaultRequest[cpu]: Invalid value: resource.Quantity{i:resource.int64Amount{value:3, scale:0}, d:resource.infDecAmount{Dec:(*inf.Dec)(nil)}, s:"3", Format:"DecimalSI"}: default request value 3 is greater than default limit value 1',
      'spec.limits[0].default[cpu]: Invalid value: resource.Quantity{i:resource.int64Amount{value:2, scale:0}, d:resource.infDecAmount{Dec:(*inf.Dec)(nil)}, s:"2", Format:"DecimalSI"}: min value 2 is greater than default value 1',
    ],
    [
      'spec.limits = [{"type":"Pod","min":{"cpu":"1"},"max":{"cpu":"2"},"maxLimitRequestRatio":{"cpu":"3","memory":"500m"}}]',
      'spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: resource.Quantity{i:resource.int64Amount{value:3, scale:0}, d:resource.infDecAmount{Dec:(*inf.Dec)(nil)}, s:"3", Format:"DecimalSI"}: ratio 3 is greater than max/min = 2.000000',
      'spec.limits[0].maxLimitRequestRatio[memory]: Invalid value: resource.Quantity{i:resource.int64Amount{value:500, scale:-3}, d:resource.infDecAmount{Dec:(*inf.Dec)(nil)}, s:"500m", Format:"DecimalSI"}: ratio 500m is less than 1',
    ],
    [
      'spec.limits = [{"type":"Container","default":{"example.com/gpu":"2"},"defaultRequest":{"example.com/gpu":"1"}}]',
      'spec.limits[0].defaultRequest[example.com/gpu]: Invalid value: resource.Quantity{i:resource.int64Amount{value:1, scale:0}, d:resource.infDecAmount{Dec:(*inf.Dec)(nil)}, s:"1", Format:"DecimalSI"}: default value 2 must equal to defaultRequest value 1 in example.com/gpu',
    ],
  ]);
});

suite('resource quotas', () => {
  const body = { spec: { hard: { pods: '1' }, scopes: ['BestEffort'] } };
  testEdits(resourceQuota, body, [
    [
      'spec.hard = {"colour":"1"}',
      'spec.hard[colour]: Invalid value: "colour": must be a standard resource type or fully qualified',
      'spec.hard[colour]: Invalid value: "colour": must be a standard resource for quota',
    ],
    [
      'spec.hard = {"pods":"0.5"}',
      'spec.hard[pods]: Invalid value: resource.Quantity{i:resource.int64Amount{value:500, scale:-3}, d:resource.infDecAmount{Dec:(*inf.Dec)(nil)}, s:"500m", Format:"DecimalSI"}: must be an integer',
    ],
    [
      'spec.hard = {"storage":"1"}',
      'spec.hard[storage]: Invalid value: "storage": must be a standard resource for quota',
    ],
    [
      'spec.scopes = ["Some"]',
      'spec.scopes: Invalid value: []core.ResourceQuotaScope{"Some"}: unsupported scope',
      'spec.scopes: Invalid value: []core.ResourceQuotaScope{"Some"}: unsupported scope applied to resource',
    ],
    [
      'spec.hard = {"cpu":"1"}',
      'spec.scopes: Invalid value: []core.ResourceQuotaScope{"BestEffort"}: unsupported scope applied to resource',
    ],
    [
      'spec.scopes = ["Terminating","NotTerminating"]',
      'spec.scopes: Invalid value: []core.ResourceQuotaScope{"Terminating", "NotTerminating"}: conflicting scopes',
    ],
    [
      'spec.scopes; spec.scopeSelector = {"matchExpressions":[{"scopeName":"Terminating","operator":"In","values":["a"]},{"scopeName":"PriorityClass","operator":"In"},{"scopeName":"PriorityClass","operator":"Exists","values":["a"]},{"scopeName":"PriorityClass","operator":"Like"}]}',
      `spec.scopeSelector.matchExpressions.operator: Invalid value: "In": must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity`,
      "spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
      "spec.scopeSelector.matchExpressions.values: Invalid value: []string{\"a\"}: must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
      'spec.scopeSelector.matchExpressions.operator: Invalid value: "Like": not a valid selector operator',
    ],
  ]);
  suite('updates', () =>
    testUpdates(resourceQuota, body, [
      [
        'spec.scopes = ["Terminating"]',
        'spec.scopes: Invalid value: []core.ResourceQuotaScope{"Terminating"}: field is immutable',
      ],
    ]),
  );
});

suite('config maps', () => {
  const body = { immutable: true, data: { a: 'b' } };
  testEdits(configMap, body, [
    [
      'data = {"a/b":"c","..":"","..d":""}',
      'data[a/b]: Invalid value: "a/b": {config key}',
      `data[..]: Invalid value: "..": must not be '..'`,
      `data[..d]: Invalid value: "..d": must not start with '..'`,
    ],
    ['binaryData = {"a":"YQ=="}', 'data[a]: Invalid value: "a": duplicate of key present in binaryData'],
  ]);
  suite('updates', () =>
    testUpdates(configMap, body, [
      [
        'immutable; data = {"a":"c"}',
        'immutable: Forbidden: field is immutable when `immutable` is set',
        'data: Forbidden: field is immutable when `immutable` is set',
      ],
    ]),
  );
});

suite('secrets', () => {
  const body = { immutable: true, data: { a: 'Yg==' } };
  testEdits(secret, body, [
    ['data = {"a/b":"YQ=="}', 'data[a/b]: Invalid value: "a/b": {config key}'],
    [
      'type = "kubernetes.io/service-account-token"',
      'metadata.annotations[kubernetes.io/service-account.name]: Required value',
    ],
    ['type = "kubernetes.io/dockercfg"', 'data[.dockercfg]: Required value'],
    [
      'type = "kubernetes.io/dockerconfigjson"; data = {".dockerconfigjson":"eA=="}',
      `data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": invalid character 'x' looking for beginning of value`,
    ],
    [
      'type = "kubernetes.io/dockerconfigjson"; data = {".dockerconfigjson":"W10="}',
      'data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": json: cannot unmarshal array into Go value of type map[string]interface {}',
    ],
    ['type = "kubernetes.io/basic-auth"', 'data[username]: Required value', 'data[password]: Required value'],
    ['type = "kubernetes.io/ssh-auth"; data = {"ssh-privatekey":""}', 'data[ssh-privatekey]: Required value'],
    ['type = "kubernetes.io/tls"', 'data[tls.crt]: Required value', 'data[tls.key]: Required value'],
  ]);
  suite('updates', () =>
    testUpdates(secret, body, [
      [
        'type = "x"; immutable; data = {}',
        'type: Invalid value: "x": field is immutable',
        'immutable: Forbidden: field is immutable when `immutable` is set',
        'data: Forbidden: field is immutable when `immutable` is set',
      ],
    ]),
  );
});

suite('runtime classes', () => {
  const body = { handler: 'h' };
  testEdits(runtimeClass, body, [
    ['handler = "A"', 'handler: Invalid value: "A": {label}'],
    [
      'overhead = {"podFixed":{"cpu":"-1"}}',
      'overhead.podFixed[cpu]: Invalid value: "-1": must be greater than or equal to 0',
    ],
    [
      'scheduling = {"tolerations":[{"operator":"Like","key":"a"}]}',
      'scheduling.tolerations[0].operator: Unsupported value: "Like": supported values: "Equal", "Exists"',
    ],
  ]);
  suite('updates', () =>
    testUpdates(runtimeClass, body, [['handler = "i"', 'handler: Invalid value: "i": field is immutable']]),
  );
});

suite('priority classes', () => {
  const body = { value: 1 };
  testEdits(priorityClass, body, [
    ['value = 1000000001', 'value: Forbidden: maximum allowed value of a user defined priority is 1000000000'],
    [
      'metadata.name = "system-mine"',
      "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-mine is not a known system priority class",
    ],
    [
      'metadata.name = "system-node-critical"',
      "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: value of system-node-critical PriorityClass must be 2000001000",
    ],
    [
      'metadata.name = "system-node-critical"; value = 2000001000; globalDefault = true',
      "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: globalDefault of system-node-critical PriorityClass must be false",
    ],
    [
      'preemptionPolicy = "Some"',
      'preemptionPolicy: Unsupported value: "Some": supported values: "PreemptLowerPriority", "Never"',
    ],
  ]);
  suite('updates', () =>
    testUpdates(priorityClass, body, [
      ['value = 2', 'value: Forbidden: may not be changed in an update.'],
      ['preemptionPolicy = "Never"', 'preemptionPolicy: Invalid value: "Never": field is immutable'],
    ]),
  );
});

suite('disruption budgets', () => {
  const body = { spec: { minAvailable: 1 } };
  testEdits(podDisruptionBudget, body, [
    [
      'spec.maxUnavailable = 1',
      'spec: Invalid value: policy.PodDisruptionBudgetSpec{MinAvailable:(*intstr.IntOrString)(0xc000a2e3c8), Selector:(*v1.LabelSelector)(nil), MaxUnavailable:(*intstr.IntOrString)(0xc000a2e3c8), UnhealthyPodEvictionPolicy:(*string)(nil)}: minAvailable and maxUnavailable cannot be both set',
    ],
    ['spec.minAvailable = -1', 'spec.minAvailable: Invalid value: -1: must be greater than or equal to 0'],
    [
      'spec.minAvailable = "many"',
      `spec.minAvailable: Invalid value: intstr.IntOrString{Type:1, IntVal:0, StrVal:"many"}: a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')`,
    ],
    [
      'spec.minAvailable = "101%"',
      'spec.minAvailable: Invalid value: intstr.IntOrString{Type:1, IntVal:0, StrVal:"101%"}: must not be greater than 100%',
    ],
    [
      'spec.unhealthyPodEvictionPolicy = "Some"',
      'spec.unhealthyPodEvictionPolicy: Unsupported value: "Some": supported values: "IfHealthyBudget", "AlwaysAllow"',
    ],
    ['spec.selector = {"matchLabels":{"a b":"c"}}', 'spec.selector.matchLabels: Invalid value: "a b": {name part}'],
  ]);
});

suite('autoscalers', () => {
  const body = { spec: { maxReplicas: 2, scaleTargetRef: { kind: 'Deployment', name: 'a' } } };
  testEdits(horizontalPodAutoscaler, body, [
    [
      'spec.minReplicas = 0',
      'spec.minReplicas: Invalid value: 0: must be greater than or equal to 1',
      'spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas',
    ],
    [
      'spec.maxReplicas = 0',
      'spec.maxReplicas: Invalid value: 0: must be greater than 0',
      'spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`',
    ],
    [
      'spec.scaleTargetRef = {"kind":"","name":"a/b"}',
      'spec.scaleTargetRef.kind: Required value',
      `spec.scaleTargetRef.name: Invalid value: "a/b": may not contain '/'`,
    ],
    [
      'spec.metrics = [{"type":""}]',
      'spec.metrics[0].type: Required value: must specify a metric source type',
      'spec.metrics[0].type: Unsupported value: "": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"',
      'spec.metrics[0].type: Unsupported value: "": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"',
    ],
    [
      'spec.metrics = [{"type":"Pods"}]',
      'spec.metrics[0].pods: Required value: must populate information for the given metric source',
    ],
    [
      'spec.metrics = [{"type":"Resource","resource":{"name":"","target":{"type":"Share","averageUtilization":0}}}]',
      'spec.metrics[0].resource.name: Required value: must specify a resource name',
      'spec.metrics[0].resource.target.type: Invalid value: "Share": must be either Utilization, Value, or AverageValue',
      'spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0',
    ],
    [
      'spec.metrics = [{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization"}},"pods":{"metric":{"name":"a"},"target":{"type":"Value"}}}]',
      'spec.metrics[0].pods.target.averageValue: Required value: must specify a positive target averageValue',
      'spec.metrics[0].pods: Forbidden: must populate the given metric source only',
    ],
    [
      'spec.metrics = [{"type":"External","external":{"metric":{"name":""},"target":{"type":"Value","value":"0","averageValue":"1"}}}]',
      'spec.metrics[0].external.metric.name: Required value: must specify a metric name',
      'spec.metrics[0].external.target.value: Invalid value: resource.Quantity{i:resource.int64Amount{value:0, scale:0}, d:resource.infDecAmount{Dec:(*inf.Dec)(nil)}, s:"0", Format:"DecimalSI"}: must be positive',
      'spec.metrics[0].external.target.value: Forbidden: may not set both a target value for metric and a per-pod target',
    ],
    [
      'spec.metrics = [{"type":"Object","object":{"describedObject":{"kind":"K","name":"n"},"metric":{"name":"a"},"target":{"type":"Value"}}}]',
      'spec.metrics[0].object.target.averageValue: Required value: must set either a target value or averageValue',
    ],
    [
      'spec.metrics = [{"type":"ContainerResource","containerResource":{"name":"colour","container":"","target":{"type":"Utilization","averageUtilization":1}}}]',
      'spec.metrics[0].containerResource.name: Invalid value: "colour": must be a standard resource type or fully qualified',
      'spec.metrics[0].containerResource.name: Invalid value: "colour": must be a standard resource for containers',
      'spec.metrics[0].containerResource.container: Required value: must specify a container',
    ],
    [
      'spec.behavior = {"scaleUp":{"stabilizationWindowSeconds":3601,"selectPolicy":"Some","policies":[{"type":"All","value":0,"periodSeconds":0}]}}',
      'spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600',
      'spec.behavior.scaleUp.selectPolicy: Unsupported value: "Some": supported values: "Disabled", "Max", "Min"',
      'spec.behavior.scaleUp.policies[0].type: Unsupported value: "All": supported values: "Percent", "Pods"',
      'spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero',
      'spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 0: must be greater than zero',
    ],
    [
      'spec.behavior = {"scaleDown":{"policies":[]}}',
      'spec.behavior.scaleDown.policies: Required value: must specify at least one Policy',
    ],
  ]);
});

suite('autoscalers of version 1', () => {
  const body = { spec: { maxReplicas: 2, scaleTargetRef: { kind: 'Deployment', name: 'a' } } };
  testEdits(horizontalPodAutoscalerV1, body, [
    [
      'spec.targetCPUUtilizationPercentage = 0',
      'spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0',
    ],
    [
      'spec.maxReplicas = 0',
      'spec.maxReplicas: Invalid value: 0: must be greater than 0',
      'spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`',
    ],
  ]);
});
