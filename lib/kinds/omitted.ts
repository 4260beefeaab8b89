/** Which fields Go leaves out of JSON when they hold nothing (`omitempty`): to clients an empty list there is no list at all. */
import { pointerFields, schemaType } from './schema.ts';
import type { SchemaField } from './schema.ts';

/** Optional lists whose being empty says something to defaults and checks, or that are written all the same. */
const writtenLists: ReadonlySet<string> = new Set([
  'io.k8s.api.autoscaling.v2.HPAScalingRules.policies',
  'io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerStatus.currentMetrics',
  'io.k8s.api.core.v1.ContainerImage.names',
  'io.k8s.api.core.v1.ServiceSpec.clusterIPs',
  'io.k8s.api.discovery.v1.EndpointSlice.ports',
  'io.k8s.api.flowcontrol.v1.ResourcePolicyRule.namespaces',
  'io.k8s.api.rbac.v1.ClusterRole.rules',
  'io.k8s.api.rbac.v1.Role.rules',
  'io.k8s.api.storage.v1.CSINodeDriver.topologyKeys',
  'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta.managedFields',
]);

/** Whether this field of a type is left out when it is zero. Structs never are, nor what Go holds by pointer. */
export function isOmitted(schema: string, name: string, field: SchemaField): boolean {
  if (field.$ref || field.raw || schemaType(schema).required?.includes(name)) return false;
  if (pointerFields(schema).includes(name)) return false;
  switch (field.type) {
    case 'string':
      // A time is a struct.
      return field.format !== 'date-time' && field.default !== '""';
    case 'boolean':
      return true;
    case 'integer':
    case 'number':
      // Data states the zero as default of what is always written.
      return field.default !== '0';
    case 'array':
      return !writtenLists.has(`${schema}.${name}`);
    case 'object':
      return true;
    default:
      return false;
  }
}

/** Whether a value is the zero of a scalar, or a list or map of nothing. */
export function isZero(value: unknown): boolean {
  if (value === '' || value === 0 || value === false) return true;
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.length === 0;
  for (const _ in value) return false;
  return true;
}
