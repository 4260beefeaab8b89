/**
 * Where upstream's protobuf messages differ from the JSON that the schema data describes: structs that Go embeds, which are inline in JSON and
 * a message of their own in protobuf, and scalars that Go holds by pointer, whose zero is a value rather than an absence.
 */

/** Short type name -> the types embedded in it, with the field number of each. */
export const embedded: Readonly<Record<string, readonly { pn: number; type: string }[]>> = {
  'core.v1.Volume': [{ pn: 2, type: 'core.v1.VolumeSource' }],
  'core.v1.PersistentVolumeSpec': [{ pn: 2, type: 'core.v1.PersistentVolumeSource' }],
  'core.v1.Probe': [{ pn: 1, type: 'core.v1.ProbeHandler' }],
  'core.v1.EphemeralContainer': [{ pn: 1, type: 'core.v1.EphemeralContainerCommon' }],
  'core.v1.ConfigMapVolumeSource': [{ pn: 1, type: 'core.v1.LocalObjectReference' }],
  'core.v1.ConfigMapProjection': [{ pn: 1, type: 'core.v1.LocalObjectReference' }],
  'core.v1.SecretProjection': [{ pn: 1, type: 'core.v1.LocalObjectReference' }],
  'core.v1.ConfigMapKeySelector': [{ pn: 1, type: 'core.v1.LocalObjectReference' }],
  'core.v1.SecretKeySelector': [{ pn: 1, type: 'core.v1.LocalObjectReference' }],
  'core.v1.ConfigMapEnvSource': [{ pn: 1, type: 'core.v1.LocalObjectReference' }],
  'core.v1.SecretEnvSource': [{ pn: 1, type: 'core.v1.LocalObjectReference' }],
  'networking.v1.IngressRule': [{ pn: 2, type: 'networking.v1.IngressRuleValue' }],
  'admissionregistration.v1.RuleWithOperations': [{ pn: 2, type: 'admissionregistration.v1.Rule' }],
  'admissionregistration.v1.NamedRuleWithOperations': [{ pn: 2, type: 'admissionregistration.v1.RuleWithOperations' }],
};

const pointers = new Set([
  'activeDeadlineSeconds',
  'allocateLoadBalancerNodePorts',
  'allowPrivilegeEscalation',
  'allowVolumeExpansion',
  'attachRequired',
  'automountServiceAccountToken',
  'averageUtilization',
  'backoffLimit',
  'backoffLimitPerIndex',
  'blockOwnerDeletion',
  'completions',
  'controller',
  'defaultMode',
  'deletionGracePeriodSeconds',
  'enableServiceLinks',
  'expirationSeconds',
  'failedJobsHistoryLimit',
  'fsGroup',
  'gracePeriodSeconds',
  'hostUsers',
  'immutable',
  'leaseDurationSeconds',
  'leaseTransitions',
  'manualSelector',
  'maxFailedIndexes',
  'maxSurge',
  'maxUnavailable',
  'minAvailable',
  'minDomains',
  'minReplicas',
  'mode',
  'optional',
  'orphanDependents',
  'parallelism',
  'partition',
  'podInfoOnMount',
  'priority',
  'privileged',
  'progressDeadlineSeconds',
  'readOnlyRootFilesystem',
  'replicas',
  'requiresRepublish',
  'revisionHistoryLimit',
  'runAsGroup',
  'runAsNonRoot',
  'runAsUser',
  'seLinuxMount',
  'serving',
  'setHostnameAsFQDN',
  'shareProcessNamespace',
  'stabilizationWindowSeconds',
  'started',
  'startingDeadlineSeconds',
  'storageCapacity',
  'successfulJobsHistoryLimit',
  'suspend',
  'terminating',
  'terminationGracePeriodSeconds',
  'tolerationSeconds',
  'ttlSecondsAfterFinished',
]);

const pointersOfTypes: Readonly<Record<string, readonly string[]>> = {
  'core.v1.PersistentVolumeClaimSpec': ['storageClassName'],
  'core.v1.ClientIPConfig': ['timeoutSeconds'],
  'discovery.v1.EndpointPort': ['name', 'port'],
  'discovery.v1.EndpointConditions': ['ready'],
};

/** Whether the zero value of a field is told apart from its absence. */
export function isPointer(type: string, field: string): boolean {
  return pointers.has(field) || pointersOfTypes[type]?.includes(field) === true;
}
