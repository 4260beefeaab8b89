/**
 * Where upstream's protobuf messages differ from the JSON that the schema data describes: structs that Go embeds, which are inline in JSON and
 * a message of their own in protobuf, and lists of a named type, which are a message too.
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

/** What schemas of custom resources are. */
export const jsonSchema = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps';

/** Definition name -> its lists that are a message `{items = 1}`. Lists within maps always are. */
const boxedLists: Readonly<Record<string, string>> = {
  'io.k8s.apimachinery.pkg.apis.meta.v1.APIResource': 'verbs',
};

/** Whether a field's list is a message of its own. */
export function isBoxed(schema: string, field: string): boolean {
  return boxedLists[schema] === field;
}
