/** Who may ask an agent anything: the API server in its own name, and administrators. TLS has checked that the cluster's authority signed the certificate. */
import type { PeerCertificate } from 'node:tls';
import { node as nodeKind } from '#lib/kinds/node.ts';
import { forbidden } from '#lib/meta/errors.ts';

/** Throws Forbidden for anybody else. */
export function demandKnown(certificate: Pick<PeerCertificate, 'subject'> | undefined): void {
  const subject = certificate?.subject;
  const names = [subject?.CN].flat();
  const groups = [subject?.O].flat();
  if (names.includes('kube-apiserver') || groups.includes('system:masters')) return;
  throw forbidden(nodeKind, '', `User "${names[0] ?? 'system:anonymous'}" cannot proxy to this node`);
}
