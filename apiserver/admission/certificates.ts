/** Who may approve and sign certificates of which signer, and which subject no client certificate may have. */
import { certificateSigningRequest as kind } from '#lib/kinds/certificate-signing-request.ts';
import type { CertificateSigningRequest } from '#lib/kinds/gen/certificates-v1.ts';
import { equal } from '#lib/meta/equal.ts';
import { mastersGroup } from '../auth/authorize.ts';
import type { Authorizer } from '../auth/authorize.ts';
import type { Caller } from '../verbs/types.ts';
import { organizationsOf, RequestSyntaxError } from './certificate-subject.ts';
import { creates, refusal } from './types.ts';
import type { AdmissionPlugin } from './types.ts';

const clientSigner = 'kubernetes.io/kube-apiserver-client';

/** What rules of roles call signers, of which there are no objects. */
const signers = 'signers';

export function makeCertificateApproval(authorize: Authorizer): AdmissionPlugin {
  return {
    name: 'CertificateApproval',
    validate(request) {
      if (request.operation !== 'UPDATE' || request.kind !== kind || request.subresource !== 'approval') return;
      const { signerName } = (request.object as CertificateSigningRequest).spec;
      if (mayUseSigner(authorize, request.caller, 'approve', signerName)) return;
      throw refusal(request, `user not permitted to approve requests with signerName "${signerName}"`);
    },
  };
}

export function makeCertificateSigning(authorize: Authorizer): AdmissionPlugin {
  return {
    name: 'CertificateSigning',
    validate(request) {
      if (request.operation !== 'UPDATE' || request.kind !== kind || request.subresource !== 'status') return;
      const [now, before] = [request.object, request.before] as CertificateSigningRequest[];
      const { certificate, conditions } = now!.status ?? {};
      if (certificate === before!.status?.certificate && equal(conditions, before!.status?.conditions)) return;
      const { signerName } = before!.spec;
      if (mayUseSigner(authorize, request.caller, 'sign', signerName)) return;
      throw refusal(request, `user not permitted to sign requests with signerName "${signerName}"`);
    },
  };
}

/** Nobody gets a certificate of the group that may do everything. */
export const certificateSubjectRestriction: AdmissionPlugin = {
  name: 'CertificateSubjectRestriction',
  validate(request) {
    if (!creates(request, kind)) return;
    const { signerName, request: encoded } = (request.object as CertificateSigningRequest).spec;
    if (signerName !== clientSigner) return;
    try {
      if (!organizationsOf(new TextDecoder().decode(Uint8Array.fromBase64(encoded))).includes(mastersGroup)) return;
    } catch (error) {
      if (error instanceof RequestSyntaxError) throw refusal(request, `unable to parse csr: ${error.message}`);
      throw error;
    }
    throw refusal(request, `use of ${clientSigner} signer with ${mastersGroup} group is not allowed`);
  },
};

/** Whether the caller may use the signer, by its name or with all signers of its domain. */
function mayUseSigner(authorize: Authorizer, caller: Caller, verb: string, signer: string): boolean {
  const may = (name: string) =>
    authorize(caller, {
      verb,
      group: kind.group,
      plural: signers,
      subresource: '',
      namespace: '',
      name,
    }).allowed;
  return may(signer) || may(`${signer.slice(0, signer.indexOf('/'))}/*`);
}
