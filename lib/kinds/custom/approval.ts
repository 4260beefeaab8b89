/** Groups of the Kubernetes community, `*.k8s.io` and `*.kubernetes.io`: definitions in them name where that was agreed on. As upstream's `apihelpers`. */
import type { CustomResourceDefinitionCondition } from '../gen/apiextensions-v1.ts';

export const approvalAnnotation = 'api-approved.kubernetes.io';

const rule = `protected groups must have approval annotation "${approvalAnnotation}"`;
const reference = 'see https://github.com/kubernetes/enhancements/pull/1111';

/** The condition that tells of it; undefined for all other groups, which need no approval. */
export function approvalOf(
  group: string,
  annotations: Readonly<Record<string, string>> = {},
): Omit<CustomResourceDefinitionCondition, 'lastTransitionTime'> | undefined {
  if (!/(^|\.)(k8s|kubernetes)\.io$/.test(group)) return undefined;
  const value = annotations[approvalAnnotation] ?? '';
  const told = (status: 'True' | 'False', reason: string, message: string) => ({
    type: 'KubernetesAPIApprovalPolicyConformant',
    status,
    reason,
    message,
  });
  if (value === '') return told('False', 'MissingAnnotation', `${rule}, ${reference}`);
  if (value.startsWith('unapproved')) {
    return told('False', 'UnapprovedAnnotation', `not approved: ${JSON.stringify(value)}`);
  }
  if (URL.canParse(value)) return told('True', 'ApprovedAnnotation', `approved in ${value}`);
  const message = `${rule} with either a URL or a reason starting with "unapproved", ${reference}`;
  return told('False', 'InvalidAnnotation', message);
}
