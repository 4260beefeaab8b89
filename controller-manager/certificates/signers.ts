/** What the signers that every cluster has demand of a request, as upstream's `pkg/controller/certificates/signer`. */
import type { RequestedSubject } from '#lib/pki/certificate-requests.ts';

/** Why a signer refuses; undefined when it does not. */
type Demand = (subject: RequestedSubject, usages: readonly string[]) => string | undefined;

const keyUses = ['digital signature', 'key encipherment'];

const client: Demand = (_subject, usages) => {
  const stray = usages.find((usage) => usage !== 'client auth' && !keyUses.includes(usage));
  if (stray !== undefined) return `invalid usage for client certificate: ${stray}`;
  return usages.includes('client auth') ? undefined : 'missing required usage for client certificate: client auth';
};

const kubeletClient: Demand = (subject, usages) => {
  const fault = ofNode(subject);
  if (fault !== undefined) return fault;
  if (subject.dnsNames.length > 0) return 'DNS subjectAltNames are not allowed';
  if (subject.ipAddresses.length > 0) return 'IP subjectAltNames are not allowed';
  return usagesAre(usages, 'client auth');
};

const kubeletServing: Demand = (subject, usages) => {
  const fault = ofNode(subject);
  if (fault !== undefined) return fault;
  if (subject.dnsNames.length + subject.ipAddresses.length === 0) return 'DNS or IP subjectAltName is required';
  return usagesAre(usages, 'server auth');
};

/** By name. */
export const signers: ReadonlyMap<string, Demand> = new Map([
  ['kubernetes.io/kube-apiserver-client', client],
  ['kubernetes.io/kube-apiserver-client-kubelet', kubeletClient],
  ['kubernetes.io/kubelet-serving', kubeletServing],
]);

function ofNode({ commonName, organizations, others }: RequestedSubject): string | undefined {
  if (organizations.length !== 1 || organizations[0] !== 'system:nodes') {
    return 'subject organization is not system:nodes';
  }
  if (!commonName.startsWith('system:node:')) return 'subject common name does not begin with system:node:';
  return others.length > 0 ? 'Email and URI subjectAltNames are not allowed' : undefined;
}

/** Signing is a must, enciphering keys a may, for keys that cannot. */
function usagesAre(usages: readonly string[], purpose: string): string | undefined {
  const given = new Set(usages.filter((usage) => usage !== 'key encipherment'));
  const fits = given.size === 2 && given.has('digital signature') && given.has(purpose);
  return fits ? undefined : `usages did not match [${[...keyUses, purpose].join(' ')}]`;
}
