/** Faults of what governs requests: roles, webhooks, policies, certificates, events. */
import { role } from './role.ts';
import { clusterRole } from './cluster-role.ts';
import { roleBinding } from './role-binding.ts';
import { clusterRoleBinding } from './cluster-role-binding.ts';
import { mutatingWebhookConfiguration } from './mutating-webhook-configuration.ts';
import { validatingAdmissionPolicy } from './validating-admission-policy.ts';
import { validatingAdmissionPolicyBinding } from './validating-admission-policy-binding.ts';
import { certificateSigningRequest } from './certificate-signing-request.ts';
import { event } from './event.ts';
import { eventsV1Event } from './events-v1-event.ts';
import { lease } from './lease.ts';
import { controllerRevision } from './controller-revision.ts';
import { testEdits, testUpdates } from './testing/edits.ts';

suite('roles', () => {
  const body = { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] };
  testEdits(role, body, [
    ['metadata.name = "a/b"', `metadata.name: Invalid value: "a/b": may not contain '/'`],
    [
      'rules = [{"verbs":[]}]',
      'rules[0].verbs: Required value: verbs must contain at least one value',
      'rules[0].apiGroups: Required value: resource rules must supply at least one api group',
      'rules[0].resources: Required value: resource rules must supply at least one resource',
    ],
    [
      'rules = [{"verbs":["get"],"nonResourceURLs":["/a"],"resources":["pods"]}]',
      'rules[0].nonResourceURLs: Invalid value: []string{"/a"}: namespaced rules cannot apply to non-resource URLs',
      'rules[0].nonResourceURLs: Invalid value: []string{"/a"}: rules cannot apply to both regular resources and non-resource URLs',
    ],
  ]);
});

suite('cluster roles', () => {
  const body = { rules: [] };
  testEdits(clusterRole, body, [
    [
      'aggregationRule = {}',
      'aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil',
    ],
    [
      'aggregationRule = {"clusterRoleSelectors":[{"matchLabels":{"a b":"c"}}]}',
      'aggregationRule.clusterRoleSelectors[0].matchLabels: Invalid value: "a b": {name part}',
      'aggregationRule.clusterRoleSelectors[0]: Invalid value: v1.LabelSelector{MatchLabels:map[string]string{"a b":"c"}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: invalid label selector.',
    ],
  ]);
});

suite('role bindings', () => {
  const body = { roleRef: { kind: 'Role', name: 'r' }, subjects: [{ kind: 'ServiceAccount', name: 'a' }] };
  testEdits(roleBinding, body, [
    [
      'roleRef = {"apiGroup":"x","kind":"Y","name":""}',
      'roleRef.apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"',
      'roleRef.kind: Unsupported value: "Y": supported values: "Role", "ClusterRole"',
      'roleRef.name: Required value',
    ],
    ['roleRef.name = "a/b"', `roleRef.name: Invalid value: "a/b": may not contain '/'`],
    [
      'subjects = [{"kind":"Dog","name":""}]',
      'subjects[0].name: Required value',
      'subjects[0].kind: Unsupported value: "Dog": supported values: "ServiceAccount", "User", "Group"',
    ],
    [
      'subjects = [{"kind":"ServiceAccount","name":"A","apiGroup":"x"}]',
      'subjects[0].name: Invalid value: "A": {subdomain}',
      'subjects[0].apiGroup: Unsupported value: "x": supported values: ""',
    ],
    [
      'subjects = [{"kind":"User","name":"","apiGroup":"x"}]',
      'subjects[0].name: Required value',
      'subjects[0].name: Invalid value: "": user name cannot be empty',
      'subjects[0].apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"',
    ],
  ]);
  suite('updates', () =>
    testUpdates(roleBinding, body, [
      [
        'roleRef.name = "s"',
        'roleRef: Invalid value: rbac.RoleRef{APIGroup:"rbac.authorization.k8s.io", Kind:"Role", Name:"s"}: cannot change roleRef',
      ],
    ]),
  );
});

suite('cluster role bindings', () => {
  const body = { roleRef: { kind: 'ClusterRole', name: 'r' } };
  testEdits(clusterRoleBinding, body, [
    ['roleRef.kind = "Role"', 'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"'],
    ['subjects = [{"kind":"ServiceAccount","name":"a"}]', 'subjects[0].namespace: Required value'],
  ]);
});

suite('webhooks', () => {
  const body = {
    webhooks: [
      { name: 'a.b.c', clientConfig: { url: 'https://a.b/c' }, sideEffects: 'None', admissionReviewVersions: ['v1'] },
    ],
  };
  testEdits(mutatingWebhookConfiguration, body, [
    [
      'webhooks[0].name = "a.b"',
      'webhooks[0].name: Invalid value: "a.b": should be a domain with at least three segments separated by dots',
    ],
    ['webhooks[0].name = "A.b.c"', 'webhooks[0].name: Invalid value: "A.b.c": {subdomain}'],
    [
      'webhooks[1] = {"name":"a.b.c","clientConfig":{"url":"https://a.b"},"sideEffects":"None","admissionReviewVersions":["v1"]}',
      'webhooks[1].name: Duplicate value: "a.b.c"',
    ],
    [
      'webhooks[0].rules = [{}]',
      'webhooks[0].rules[0].operations: Required value',
      'webhooks[0].rules[0].apiGroups: Required value',
      'webhooks[0].rules[0].apiVersions: Required value',
      'webhooks[0].rules[0].resources: Required value',
    ],
    [
      'webhooks[0].rules = [{"operations":["*","READ"],"apiGroups":["*","a"],"apiVersions":["*","v1",""],"resources":["*","pods","*/*","pods/*","pods/status"],"scope":"Some"}]',
      `webhooks[0].rules[0].operations: Invalid value: []admissionregistration.OperationType{"*", "READ"}: if '*' is present, must not specify other operations`,
      'webhooks[0].rules[0].operations[1]: Unsupported value: "READ": supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE"',
      `webhooks[0].rules[0].apiGroups: Invalid value: []string{"*", "a"}: if '*' is present, must not specify other API groups`,
      `webhooks[0].rules[0].apiVersions: Invalid value: []string{"*", "v1", ""}: if '*' is present, must not specify other API versions`,
      'webhooks[0].rules[0].apiVersions[2]: Required value',
      `webhooks[0].rules[0].resources[3]: Invalid value: "pods/*": if '*/*' is present, must not specify pods/*`,
      `webhooks[0].rules[0].resources[4]: Invalid value: "pods/status": if 'pods/*' is present, must not specify pods/status`,
      `webhooks[0].rules[0].resources: Invalid value: []string{"*", "pods", "*/*", "pods/*", "pods/status"}: if '*/*' is present, must not specify other resources`,
      `webhooks[0].rules[0].resources: Invalid value: []string{"*", "pods", "*/*", "pods/*", "pods/status"}: if '*' is present, must not specify other resources without subresources`,
      'webhooks[0].rules[0].scope: Unsupported value: "Some": supported values: "*", "Cluster", "Namespaced"',
    ],
    [
      'webhooks[0].failurePolicy = "Wait"; webhooks[0].matchPolicy = "Some"; webhooks[0].reinvocationPolicy = "Some"',
      'webhooks[0].failurePolicy: Unsupported value: "Wait": supported values: "Fail", "Ignore"',
      'webhooks[0].matchPolicy: Unsupported value: "Some": supported values: "Equivalent", "Exact"',
      'webhooks[0].reinvocationPolicy: Unsupported value: "Some": supported values: "IfNeeded", "Never"',
    ],
    [
      'webhooks[0].sideEffects = "Some"',
      'webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"',
    ],
    ['webhooks[0].sideEffects = ""', 'webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun'],
    [
      'webhooks[0].timeoutSeconds = 31',
      'webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds',
    ],
    [
      'webhooks[0].namespaceSelector = {"matchLabels":{"a b":"c"}}',
      'webhooks[0].namespaceSelector.matchLabels: Invalid value: "a b": {name part}',
    ],
    [
      'webhooks[0].clientConfig = {}',
      'webhooks[0].clientConfig: Required value: exactly one of url or service is required',
    ],
    [
      'webhooks[0].clientConfig = {"url":"http://u:p@/c?d#e"}',
      `webhooks[0].clientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme; desired format: https://host[/path]`,
      'webhooks[0].clientConfig.url: Invalid value: "": host must be provided; desired format: https://host[/path]',
      'webhooks[0].clientConfig.url: Invalid value: "u:p": user information is not permitted in the URL',
      'webhooks[0].clientConfig.url: Invalid value: "e": fragments are not permitted in the URL',
      'webhooks[0].clientConfig.url: Invalid value: "d": query parameters are not permitted in the URL',
    ],
    [
      'webhooks[0].clientConfig = {"service":{"name":"","namespace":"n","port":0,"path":"a//B/"}}',
      'webhooks[0].clientConfig.service.namespace: Required value: service namespace is required',
      'webhooks[0].clientConfig.service.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive',
      `webhooks[0].clientConfig.service.path: Invalid value: "a//B/": must start with a '/'`,
      'webhooks[0].clientConfig.service.path: Invalid value: "a//B/": segment[0] may not be empty',
      'webhooks[0].clientConfig.service.path: Invalid value: "a//B/": segment[1] may not be empty',
      'webhooks[0].clientConfig.service.path: Invalid value: "a//B/": segment[2]: {subdomain}',
    ],
    [
      'webhooks[0].matchConditions = [{"name":"a b","expression":" "},{"name":"c","expression":"true"},{"name":"c","expression":"true"}]',
      'webhooks[0].matchConditions[0].expression: Required value',
      'webhooks[0].matchConditions[0].name: Invalid value: "a b": {name part}',
      'webhooks[0].matchConditions[2].name: Duplicate value: "c"',
    ],
    [
      'webhooks[0].admissionReviewVersions = []',
      'webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1',
    ],
    [
      'webhooks[0].admissionReviewVersions = ["v2","v2","V"]',
      'webhooks[0].admissionReviewVersions[1]: Invalid value: "v2": duplicate version',
      'webhooks[0].admissionReviewVersions[2]: Invalid value: "V": {1035 label}',
      'webhooks[0].admissionReviewVersions: Invalid value: []string{"v2", "v2", "V"}: must include at least one of v1, v1beta1',
    ],
  ]);
});

suite('admission policies', () => {
  const body = {
    spec: {
      matchConstraints: {
        resourceRules: [{ operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
      },
      validations: [{ expression: 'true' }],
    },
  };
  testEdits(validatingAdmissionPolicy, body, [
    [
      'spec.failurePolicy = "Wait"',
      'spec.failurePolicy: Unsupported value: "Wait": supported values: "Fail", "Ignore"',
    ],
    [
      'spec.paramKind = {"apiVersion":"a/b/c","kind":"K_"}',
      'spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
      'spec.paramKind.kind: Invalid value: "K_": may have mixed case, but should otherwise match: {1035 label}',
    ],
    [
      'spec.paramKind = {"apiVersion":"A/V","kind":""}',
      'spec.paramKind.apiVersion: Invalid value: "A": {subdomain}',
      'spec.paramKind.apiVersion: Invalid value: "V": {1035 label}',
      'spec.paramKind.kind: Required value',
    ],
    ['spec.matchConstraints', 'spec.matchConstraints: Required value'],
    ['spec.matchConstraints.resourceRules = []', 'spec.matchConstraints.resourceRules: Required value'],
    [
      'spec.matchConstraints.resourceRules[0].resourceNames = ["a/b","c","c"]',
      `spec.matchConstraints.resourceRules[0].resourceNames[0]: Invalid value: "a/b": may not contain '/'`,
      'spec.matchConstraints.resourceRules[0].resourceNames[2]: Duplicate value: "c"',
    ],
    [
      'spec.variables = [{"name":"in","expression":""}]',
      'spec.variables[0].name: Invalid value: "in": name is not a valid CEL identifier',
      'spec.variables[0].expression: Required value: expression is not specified',
    ],
    [
      'spec.validations',
      'spec.validations: Required value: validations or auditAnnotations must contain at least one item',
      'spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item',
    ],
    [
      'spec.validations = [{"expression":" ","message":" ","messageExpression":" ","reason":"Gone"}]',
      'spec.validations[0].expression: Required value: expression is not specified',
      'spec.validations[0].messageExpression: Invalid value: " ": must be non-empty if specified',
      'spec.validations[0].message: Invalid value: " ": message must be non-empty if specified',
      'spec.validations[0].reason: Unsupported value: "Gone": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"',
    ],
    [
      'spec.validations = [{"expression":"true","message":"a\\nb"}]',
      'spec.validations[0].message: Invalid value: "a\\nb": message must not contain line breaks',
    ],
    [
      'spec.auditAnnotations = [{"key":"a b","valueExpression":""},{"key":"c","valueExpression":"x"},{"key":"c","valueExpression":"x"}]',
      'spec.auditAnnotations[0].key: Invalid value: "some/a b": {name part}',
      'spec.auditAnnotations[0].valueExpression: Required value: valueExpression is not specified',
      'spec.auditAnnotations[2].key: Duplicate value: "c"',
    ],
  ]);
});

suite('admission policy bindings', () => {
  const body = { spec: { policyName: 'p', validationActions: ['Deny'] } };
  testEdits(validatingAdmissionPolicyBinding, body, [
    ['spec.policyName = ""', 'spec.policyName: Required value'],
    [
      'spec.paramRef = {}',
      'spec.paramRef: Required value: one of name or selector must be specified',
      'spec.paramRef.parameterNotFoundAction: Required value',
    ],
    [
      'spec.paramRef = {"name":"a/b","selector":{},"parameterNotFoundAction":"Some"}',
      `spec.paramRef.name: Invalid value: "a/b": may not contain '/'`,
      'spec.paramRef.name: Forbidden: name and selector are mutually exclusive',
      'spec.paramRef.selector: Forbidden: name and selector are mutually exclusive',
      'spec.paramRef.parameterNotFoundAction: Unsupported value: "Some": supported values: "Deny", "Allow"',
    ],
    [
      'spec.validationActions = []',
      'spec.validationActions: Required value: at least one validation action is required',
    ],
    [
      'spec.validationActions = ["Deny","Warn","Warn","Log"]',
      'spec.validationActions[2]: Duplicate value: "Warn"',
      'spec.validationActions[3]: Unsupported value: "Log": supported values: "Audit", "Deny", "Warn"',
      'spec.validationActions: Invalid value: []admissionregistration.ValidationAction{"Deny", "Warn", "Warn", "Log"}: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
    ],
    [
      'spec.matchResources = {"matchPolicy":"Some"}',
      'spec.matchResouces.matchPolicy: Unsupported value: "Some": supported values: "Equivalent", "Exact"',
    ],
  ]);
});

suite('requests for certificates', () => {
  const body = {
    spec: {
      request: 'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K',
      signerName: 'example.com/s',
      usages: ['client auth'],
    },
  };
  testEdits(certificateSigningRequest, body, [
    ['spec.request = "YQ=="', 'spec.request: Invalid value: []byte{0x61}: PEM block type must be CERTIFICATE REQUEST'],
    ['spec.usages = []', 'spec.usages: Required value: usages must be provided'],
    ['spec.usages = ["client auth","client auth"]', 'spec.usages[1]: Duplicate value: "client auth"'],
    ['spec.signerName = ""', 'spec.signerName: Required value: signerName must be provided'],
    [
      'spec.signerName = "kubernetes.io/legacy-unknown"',
      'spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version',
    ],
    [
      'spec.signerName = "plain"',
      `spec.signerName: Invalid value: "plain": must be a fully qualified domain and path of the form 'example.com/signer-name'`,
    ],
    [
      'spec.signerName = "A/b"',
      'spec.signerName: Invalid value: "A": validating label "A": {label}',
      'spec.signerName: Invalid value: "A": should be a domain with at least two segments separated by dots',
    ],
    [
      'spec.expirationSeconds = 599',
      'spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 600 seconds (10 minutes)',
    ],
    [
      'status.conditions = [{"type":"Approved","status":"False"},{"type":"Denied","status":"True"},{"type":"","status":""}]',
      'status.conditions[0].status: Unsupported value: "False": supported values: "True"',
      'status.conditions[1].type: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive',
      'status.conditions[2].type: Required value',
      'status.conditions[2].status: Required value',
    ],
  ]);
});

suite('events', () => {
  const body = { involvedObject: { namespace: 'default' } };
  testEdits(event, body, [
    [
      'involvedObject.namespace = "other"',
      'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
    ],
    [
      'eventTime = "2024-01-01T00:00:00.000000Z"',
      'reportingController: Required value',
      'reportingController: Invalid value: "": name part must be non-empty',
      'reportingController: Invalid value: "": {name part}',
      'reportingInstance: Required value',
      'action: Required value',
      'reason: Required value',
    ],
  ]);
});

suite('events of events.k8s.io', () => {
  const body = {
    eventTime: '2024-01-01T00:00:00.000000Z',
    regarding: { namespace: 'default' },
    reportingController: 'a.b/c',
    reportingInstance: 'd',
    action: 'e',
    reason: 'f',
    type: 'Normal',
  };
  testEdits(eventsV1Event, body, [
    ['eventTime = null', 'eventTime: Required value'],
    ['type = "Loud"', 'type: Invalid value: "": has invalid value: Loud'],
    ['reportingController = "a b"', 'reportingController: Invalid value: "a b": {name part}'],
    [
      'deprecatedCount = 1; deprecatedFirstTimestamp = "2024-01-01T00:00:00Z"; deprecatedLastTimestamp = "2024-01-01T00:00:00Z"; deprecatedSource = {"component":"x"}',
      'firstTimestamp: Invalid value: "": needs to be unset',
      'lastTimestamp: Invalid value: "": needs to be unset',
      'count: Invalid value: "": needs to be unset',
      'source: Invalid value: "": needs to be unset',
    ],
    [
      'series = {"count":1,"lastObservedTime":"2024-01-01T00:00:00.000000Z"}',
      'series.count: Invalid value: "": should be at least 2',
    ],
  ]);
  suite('updates', () =>
    testUpdates(eventsV1Event, body, [
      ['reason = "g"', 'reason: Invalid value: "g": field is immutable'],
      ['note = "h"', 'message: Invalid value: "h": field is immutable'],
      [
        'regarding = {"namespace":"other"}',
        'involvedObject: Invalid value: core.ObjectReference{Kind:"", Namespace:"other", Name:"", UID:"", APIVersion:"", ResourceVersion:"", FieldPath:""}: field is immutable',
      ],
    ]),
  );
});

suite('leases', () => {
  const body = { spec: {} };
  testEdits(lease, body, [
    [
      'spec.leaseDurationSeconds = 0; spec.leaseTransitions = -1',
      'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
      'spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0',
    ],
  ]);
});

suite('controller revisions', () => {
  const body = { revision: 1, data: { a: 1 } };
  testEdits(controllerRevision, body, [
    ['data', 'data: Required value: data is mandatory'],
    ['revision = -1', 'revision: Invalid value: -1: must be greater than or equal to 0'],
  ]);
});
