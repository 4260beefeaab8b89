/** Wires decideApproval() to certificate signing requests; asks the API server what the asker may. */
import type { Client } from '#lib/client/types.ts';
import { watch } from '#lib/control/reconcile.ts';
import type { Controller } from '#lib/control/reconcile.ts';
import { certificateSigningRequest } from '#lib/kinds/certificate-signing-request.ts';
import type { CertificateSigningRequest } from '#lib/kinds/gen/certificates-v1.ts';
import type { SubjectAccessReview } from '#lib/kinds/gen/authorization-v1.ts';
import { subjectAccessReview } from '#lib/kinds/subject-access-review.ts';
import type { Draft } from '#lib/meta/object.ts';
import { refOf } from '#lib/meta/object.ts';
import { decideApproval, groundsFor, mayBeApproved } from './approve.ts';
import type { Ground, Undecided } from './approve.ts';

export const certificateApprover: Controller<Undecided> = {
  name: 'certificatesigningrequest-approving-controller',
  watches: [watch(certificateSigningRequest, (request) => (mayBeApproved(request) ? [request.metadata.name] : []))],
  async see(key, { view, client }) {
    const request = view.get(certificateSigningRequest, refOf(key));
    if (!request || !mayBeApproved(request)) return undefined;
    const grounds = await readGrounds(request);
    if (grounds.length === 0) return undefined;
    for (const ground of grounds) if (await mayAsk(request, ground, client)) return { request, ground };
    return { request, ground: undefined };
  },
  decide: decideApproval,
};

async function readGrounds(request: CertificateSigningRequest): Promise<Ground[]> {
  // Few clusters ever sign, and the library for it is large.
  const { readRequest } = await import('#lib/pki/certificate-requests.ts');
  try {
    return groundsFor(request, await readRequest(Buffer.from(request.spec.request, 'base64').toString()));
  } catch {
    // What cannot be read is nobody's to approve without looking.
    return [];
  }
}

async function mayAsk({ spec }: CertificateSigningRequest, { subresource }: Ground, client: Client): Promise<boolean> {
  const { username: user = '', uid, groups, extra } = spec;
  const review: Draft<SubjectAccessReview> = {
    metadata: {},
    spec: {
      user,
      ...(uid !== undefined && { uid }),
      ...(groups && { groups }),
      ...(extra && { extra }),
      resourceAttributes: {
        group: certificateSigningRequest.group,
        resource: certificateSigningRequest.plural,
        subresource,
        verb: 'create',
        version: '*',
      },
    },
  };
  const { status } = await client.create<SubjectAccessReview>(subjectAccessReview, review);
  return status?.allowed === true;
}
