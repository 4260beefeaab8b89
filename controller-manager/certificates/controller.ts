/** Wires decide() to certificate signing requests; signs where decide() needs to know what came of it. */
import { watch } from '#lib/control/reconcile.ts';
import type { Controller } from '#lib/control/reconcile.ts';
import { certificateSigningRequest } from '#lib/kinds/certificate-signing-request.ts';
import type { CertificateSigningRequest } from '#lib/kinds/gen/certificates-v1.ts';
import { refOf } from '#lib/meta/object.ts';
import type { KeyPair } from '#lib/pki/certificates.ts';
import { awaitsSigning, decide } from './decide.ts';
import type { Outcome, Seen } from './decide.ts';
import { signers } from './signers.ts';

const lifeMs = 365 * 24 * 60 * 60 * 1000;
/** Valid from a little before now, for machines whose clocks disagree. */
const backdateMs = 5 * 60 * 1000;

/** Makes the controller that signs with `authority`; without one it only forgets old requests. */
export function makeCertificatesController(authority: KeyPair | undefined): Controller<Seen> {
  return {
    name: 'certificate-controller',
    watches: [watch(certificateSigningRequest, ({ metadata }) => [metadata.name])],
    async see(key, { view, now }) {
      const request = view.get(certificateSigningRequest, refOf(key));
      if (!request) return undefined;
      const outcome = authority && awaitsSigning(request) ? await outcomeOf(request, authority, now) : undefined;
      return { request, outcome, now };
    },
    decide,
  };
}

async function outcomeOf(
  { spec }: CertificateSigningRequest,
  authority: KeyPair,
  now: number,
): Promise<Outcome | undefined> {
  const demand = signers.get(spec.signerName);
  if (!demand) return undefined;
  // Few clusters ever sign, and the library for it is large.
  const { readRequest, signRequest } = await import('#lib/pki/certificate-requests.ts');
  const pem = Buffer.from(spec.request, 'base64').toString();
  const usages = spec.usages ?? [];
  try {
    const refused = demand(await readRequest(pem), usages);
    if (refused !== undefined) return { refused };
  } catch (error) {
    return { refused: `unable to parse csr: ${(error as Error).message}` };
  }
  const wantedMs = (spec.expirationSeconds ?? Infinity) * 1000;
  const times = { notBefore: now - backdateMs, notAfter: now + Math.min(lifeMs, wantedMs) };
  return { certificate: await signRequest(authority, pem, { usages, ...times }) };
}
