/** Who a client certificate says somebody is, for as long as it holds: a connection may outlast its certificate, and the authority that signed it. */
import { createHash, X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { Caller } from '../verbs/types.ts';
import { authenticatedGroup } from './authorize.ts';

/** Which credential a caller showed, as an extra of the caller. */
export const credentialIdKey = 'authentication.kubernetes.io/credential-id';

/** What certificates are judged by. */
export interface Trust {
  /** PEM of the authorities of clients; another buffer when they change. */
  ca(): Buffer | undefined;
  /** Milliseconds since the epoch. */
  now(): number;
}

/**
 * 'unknown' for a certificate that is of another authority, not in force, or not for clients; undefined without one. The common name is the user, the organizations
 * are the groups.
 */
export type CertificateReader = (socket: TLSSocket) => Caller | 'unknown' | undefined;

interface Known {
  caller: Caller;
  untilMs: number;
  /** The authorities by which it was last found good. */
  ca: Buffer | undefined;
}

/** Links of a chain that are looked at. */
const longestChain = 5;

export function makeCertificateReader({ ca, now }: Trust): CertificateReader {
  // A connection keeps its certificate, so it is read once.
  const connections = new WeakMap<TLSSocket, Known>();
  return (socket) => {
    const known = connections.get(socket) ?? read(socket);
    if (known === undefined || known === 'unknown') return known;
    if (now() > known.untilMs) return 'unknown';
    if (known.ca === ca()) return known.caller;
    const certificate = socket.getPeerX509Certificate();
    if (!certificate || !isTrusted(certificate, ca(), now())) return 'unknown';
    known.ca = ca();
    return known.caller;
  };

  function read(socket: TLSSocket): Known | 'unknown' | undefined {
    const { subject, raw, valid_to: until } = socket.getPeerCertificate();
    if (raw === undefined) return undefined;
    if (!socket.authorized) return 'unknown';
    const name = [subject.CN].flat()[0];
    if (!name) return undefined;
    const caller: Caller = {
      name,
      groups: [...[subject.O].flat().filter((group) => group !== undefined), authenticatedGroup],
      extra: { [credentialIdKey]: [`X509SHA256=${createHash('sha256').update(raw).digest('hex')}`] },
    };
    const known = { caller, untilMs: Date.parse(until), ca: ca() };
    connections.set(socket, known);
    return known;
  }
}

/** Whether an authority that is in force has signed the certificate, or one that signed it in turn. */
function isTrusted(certificate: X509Certificate, bundle: Buffer | undefined, now: number): boolean {
  const authorities = (bundle?.toString().match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [])
    .map((pem) => new X509Certificate(pem))
    .filter(({ validFromDate, validToDate }) => validFromDate.getTime() <= now && now <= validToDate.getTime());
  let link: X509Certificate | undefined = certificate;
  for (let i = 0; link && i < longestChain; i++, link = link.issuerCertificate) {
    const signed = link;
    if (authorities.some((authority) => signed.checkIssued(authority) && signed.verify(authority.publicKey)))
      return true;
  }
  return false;
}
