/** Who may call an agent: the API server in its own name, and administrators. TLS has checked that the cluster's authority signed the certificate. */
import type { PeerCertificate } from 'node:tls';
import { node as nodeKind } from '#lib/kinds/node.ts';
import { forbidden } from '#lib/meta/errors.ts';

/** Whether the certificate is that of the API server or of an administrator. */
export function isKnown({ subject }: Pick<PeerCertificate, 'subject'>): boolean {
  return [subject?.CN].flat().includes('kube-apiserver') || [subject?.O].flat().includes('system:masters');
}

/** Throws Forbidden for anybody else. */
export function demandKnown(certificate: Pick<PeerCertificate, 'subject'> | undefined): void {
  if (certificate && isKnown(certificate)) return;
  const name = [certificate?.subject?.CN].flat()[0] ?? 'system:anonymous';
  throw forbidden(nodeKind, '', `User "${name}" cannot proxy to this node`);
}
