import { humanDuration } from '#lib/meta/duration.ts';
import { pathSegmentFaults } from '#lib/meta/names.ts';
import { formatTime } from '#lib/meta/time.ts';
import { checkRequest } from './certificate-signing-request-check.ts';
import { ageColumn, nameColumn, none, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { CertificateSigningRequest } from './gen/certificates-v1.ts';

export const certificateSigningRequest = defineKind<CertificateSigningRequest>({
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'CertificateSigningRequest',
  description: 'Asks a signer for a certificate.',
  plural: 'certificatesigningrequests',
  short: ['csr'],
  namespaced: false,
  schema: 'io.k8s.api.certificates.v1.CertificateSigningRequest',
  nameFaults: pathSegmentFaults,
  status: true,
  resets: ['spec'],
  subresources: { approval: { verbs: ['get', 'patch', 'update'], kind: 'CertificateSigningRequest' } },
  prepareCreate: (object, { caller }) => {
    object.status = {};
    // Who asks is what the server knows, never what the request claims.
    object.spec.username = caller?.name ?? '';
    object.spec.uid = caller?.uid;
    object.spec.groups = caller ? [...caller.groups] : undefined;
    object.spec.extra =
      caller?.extra && Object.fromEntries(Object.entries(caller.extra).map(([key, list]) => [key, [...list]]));
  },
  prepareUpdate: (object, before) => {
    object.spec = before.spec;
  },
  prepareStatus: (object, before, { now }, subresource) => {
    if (subresource === 'status') keepDecision(object, before);
    if (object.status?.conditions) setTimes(object.status.conditions, before.status?.conditions ?? [], formatTime(now));
  },
  check: (object, before) => checkRequest(object, before, ''),
  checkStatus: (object, before) => checkRequest(object, before, 'status'),
  checkSubresource: (_subresource, object, before) => checkRequest(object, before, 'approval'),
  columns: [
    nameColumn,
    ageColumn,
    text('SignerName', ({ spec }) => spec.signerName || none),
    text('Requestor', ({ spec }) => spec.username ?? ''),
    text('RequestedDuration', ({ spec }) =>
      spec.expirationSeconds === undefined ? none : humanDuration(spec.expirationSeconds * 1000),
    ),
    text('Condition', stateOf),
  ],
  fields: { 'spec.signerName': ({ spec }) => spec.signerName },
});

type Conditions = NonNullable<NonNullable<CertificateSigningRequest['status']>['conditions']>;

const isDecision = ({ type }: Conditions[number]) => type === 'Approved' || type === 'Denied';

/** Whoever writes the status does not decide, and does not undo a decision. */
function keepDecision(object: CertificateSigningRequest, before: CertificateSigningRequest): void {
  const others = (object.status?.conditions ?? []).filter((condition) => !isDecision(condition));
  const conditions = [...(before.status?.conditions ?? []).filter(isDecision), ...others];
  const { conditions: _, ...status } = object.status ?? {};
  object.status = { ...status, ...(conditions.length > 0 && { conditions }) };
}

/** Conditions that do not say when they came about did so now, or when they first held. */
function setTimes(conditions: Conditions, before: Conditions, now: string): void {
  conditions.forEach((condition, i) => {
    const same = before.find(({ type, status }) => type === condition.type && status === condition.status);
    conditions[i] = {
      ...condition,
      lastUpdateTime: condition.lastUpdateTime ?? now,
      lastTransitionTime: condition.lastTransitionTime ?? same?.lastTransitionTime ?? now,
    };
  });
}

function stateOf({ status }: CertificateSigningRequest): string {
  const types = (status?.conditions ?? []).map(({ type }) => type);
  const decided = ['Approved', 'Denied'].find((type) => types.includes(type)) ?? 'Pending';
  const parts = [decided, ...(types.includes('Failed') ? ['Failed'] : []), ...(status?.certificate ? ['Issued'] : [])];
  return parts.join(',');
}
