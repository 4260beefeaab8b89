import { fieldForbidden, invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { humanDuration } from '#lib/meta/duration.ts';
import { formatTime } from '#lib/meta/time.ts';
import { unchanged } from './checks/metadata.ts';
import { oneOf } from './checks/values.ts';
import { ageColumn, nameColumn, none, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { CertificateSigningRequest } from './gen/certificates-v1.ts';

const usages = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];
const minExpirationSeconds = 600;

export const certificateSigningRequest = defineKind<CertificateSigningRequest>({
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'CertificateSigningRequest',
  description: 'Asks a signer for a certificate.',
  plural: 'certificatesigningrequests',
  short: ['csr'],
  namespaced: false,
  schema: 'io.k8s.api.certificates.v1.CertificateSigningRequest',
  status: true,
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
  check: (object, before) => [...checkSpec(object), ...(before ? unchanged('spec', object.spec, before.spec) : [])],
  checkStatus: checkConditions,
  checkSubresource: (_subresource, object) => checkConditions(object),
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

function checkSpec({ spec }: CertificateSigningRequest): FieldError[] {
  const faults: FieldError[] = [];
  if (!isRequest(spec.request)) {
    faults.push(invalid('spec.request', spec.request, 'PEM block type must be CERTIFICATE REQUEST'));
  }
  if (!spec.usages?.length) faults.push(required('spec.usages', 'usages must be provided'));
  for (const [i, usage] of (spec.usages ?? []).entries()) faults.push(...oneOf(`spec.usages[${i}]`, usage, usages));
  if (!spec.signerName) faults.push(required('spec.signerName', ''));
  else if (!/^[a-z0-9.-]+\/.+$/.test(spec.signerName)) {
    faults.push(
      invalid(
        'spec.signerName',
        spec.signerName,
        'must be a fully qualified domain and path of the form "example.com/signer-name"',
      ),
    );
  } else if (spec.signerName === 'kubernetes.io/legacy-unknown') {
    faults.push(
      invalid('spec.signerName', spec.signerName, 'the legacy signerName is not allowed via this API version'),
    );
  }
  if (spec.expirationSeconds !== undefined && spec.expirationSeconds < minExpirationSeconds) {
    faults.push(
      invalid(
        'spec.expirationSeconds',
        spec.expirationSeconds,
        `may not specify a duration less than ${minExpirationSeconds} seconds (10 minutes)`,
      ),
    );
  }
  return faults;
}

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

function isRequest(base64: string): boolean {
  return new TextDecoder().decode(Uint8Array.fromBase64(base64)).includes('-----BEGIN CERTIFICATE REQUEST-----');
}

function checkConditions({ status }: CertificateSigningRequest): FieldError[] {
  const conditions = status?.conditions ?? [];
  const decided = conditions.filter(({ type }) => type === 'Approved' || type === 'Denied');
  const faults = conditions.flatMap(({ type, status: is }, i) => {
    const at = `status.conditions[${i}]`;
    if (!type) return [required(`${at}.type`)];
    return ['Approved', 'Denied', 'Failed'].includes(type) && is !== 'True' ? oneOf(`${at}.status`, is, ['True']) : [];
  });
  return new Set(decided.map(({ type }) => type)).size > 1
    ? [...faults, fieldForbidden('status.conditions', 'Approved and Denied conditions are mutually exclusive')]
    : faults;
}

function stateOf({ status }: CertificateSigningRequest): string {
  const types = (status?.conditions ?? []).map(({ type }) => type);
  const decided = ['Approved', 'Denied'].find((type) => types.includes(type)) ?? 'Pending';
  const parts = [decided, ...(types.includes('Failed') ? ['Failed'] : []), ...(status?.certificate ? ['Issued'] : [])];
  return parts.join(',');
}
