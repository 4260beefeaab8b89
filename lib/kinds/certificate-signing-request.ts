import { defineKind } from './define-kind.ts';
import type { CertificateSigningRequest } from './gen/certificates-v1.ts';

export const certificateSigningRequest = defineKind<CertificateSigningRequest>({
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  short: ['csr'],
  namespaced: false,
  schema: 'io.k8s.api.certificates.v1.CertificateSigningRequest',
  status: true,
  subresources: { approval: { verbs: ['get', 'patch', 'update'], kind: 'CertificateSigningRequest' } },
});
