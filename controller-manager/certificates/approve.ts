/** Which requests for certificates are approved without anybody's looking, as upstream's `pkg/controller/certificates/approver`: those of agents that may ask for their node. */
import type { Action } from '#lib/control/types.ts';
import { certificateSigningRequest as kind } from '#lib/kinds/certificate-signing-request.ts';
import type { CertificateSigningRequest } from '#lib/kinds/gen/certificates-v1.ts';
import type { RequestedSubject } from '#lib/pki/certificate-requests.ts';
import { signers } from './signers.ts';

const signer = 'kubernetes.io/kube-apiserver-client-kubelet';

/** A right that approves the request, and what is said then. */
export interface Ground {
  /** The subresource of requests that the asker must be allowed to create. */
  subresource: 'selfnodeclient' | 'nodeclient';
  message: string;
}

const self: Ground = {
  subresource: 'selfnodeclient',
  message: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
};
const any: Ground = {
  subresource: 'nodeclient',
  message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
};

export interface Undecided {
  request: CertificateSigningRequest;
  /** The ground that the asker has a right to; undefined when there is none. */
  ground: Ground | undefined;
}

/** A right that is missing now may be given later. */
const askAgainMs = 60_000;

export function decideApproval({ request, ground }: Undecided): Action[] {
  if (!ground) return [{ do: 'wake', afterMs: askAgainMs }];
  const condition = { type: 'Approved', status: 'True', reason: 'AutoApproved', message: ground.message };
  const conditions = [...(request.status?.conditions ?? []), condition];
  const body: CertificateSigningRequest = { ...request, status: { ...request.status, conditions } };
  return [{ do: 'put', kind, target: { namespace: '', name: request.metadata.name }, subresource: 'approval', body }];
}

/** Whether nobody has decided on the request, and it may be one that is approved so. */
export function mayBeApproved({ spec, status, metadata }: CertificateSigningRequest): boolean {
  const isDecided = (status?.conditions ?? []).some(({ type }) => type === 'Approved' || type === 'Denied');
  return spec.signerName === signer && !isDecided && !status?.certificate && metadata.deletionTimestamp === undefined;
}

/** The grounds on which such a request could be approved, to be tried in turn. */
export function groundsFor({ spec }: CertificateSigningRequest, subject: RequestedSubject): Ground[] {
  if (signers.get(signer)!(subject, spec.usages ?? []) !== undefined) return [];
  return spec.username === subject.commonName ? [self, any] : [any];
}
