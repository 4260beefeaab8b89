/** Requests for certificates: signed once they are approved, and forgotten some time after. */
import type { Action } from '#lib/control/types.ts';
import { certificateSigningRequest as kind } from '#lib/kinds/certificate-signing-request.ts';
import type { CertificateSigningRequest } from '#lib/kinds/gen/certificates-v1.ts';
import { refOf } from '#lib/meta/object.ts';
import { formatTime, parseTime } from '#lib/meta/time.ts';

/** What signing has come to: a certificate in PEM, or why there is none. */
export type Outcome = { certificate: string } | { refused: string };

export interface Seen {
  request: CertificateSigningRequest;
  /** Undefined where there is nothing to sign. */
  outcome: Outcome | undefined;
  now: number;
}

const hourMs = 60 * 60 * 1000;
/** How long requests are kept: those nobody has decided on, and those that are done with. */
const pendingLifeMs = 24 * hourMs;
const decidedLifeMs = hourMs;

export function decide({ request, outcome, now }: Seen): Action[] {
  const { metadata } = request;
  if (metadata.deletionTimestamp !== undefined) return [];
  const left = endOf(request) - now;
  if (left <= 0) return [{ do: 'delete', kind, target: refOf(metadata.name), uid: metadata.uid }];
  const actions: Action[] = [];
  if (outcome) {
    const object: CertificateSigningRequest = { ...request, status: statusOf(request, outcome, now) };
    actions.push({ do: 'status', kind, object });
  }
  return [...actions, { do: 'wake', afterMs: left }];
}

/** Whether the request is approved and has neither a certificate nor failed. */
export function awaitsSigning({ status }: CertificateSigningRequest): boolean {
  const types = (status?.conditions ?? []).map(({ type }) => type);
  return types.includes('Approved') && !types.includes('Denied') && !types.includes('Failed') && !status?.certificate;
}

function statusOf(
  { status }: CertificateSigningRequest,
  outcome: Outcome,
  now: number,
): CertificateSigningRequest['status'] {
  if ('certificate' in outcome) return { ...status, certificate: btoa(outcome.certificate) };
  const time = formatTime(now);
  const failed = {
    type: 'Failed',
    status: 'True',
    reason: 'SignerValidationFailure',
    message: outcome.refused,
    lastUpdateTime: time,
    lastTransitionTime: time,
  };
  return { ...status, conditions: [...(status?.conditions ?? []), failed] };
}

/** When the request is forgotten, in milliseconds since the epoch. */
function endOf({ metadata, status }: CertificateSigningRequest): number {
  const decided = (status?.conditions ?? [])
    .filter(({ type }) => ['Approved', 'Denied', 'Failed'].includes(type))
    .map(({ lastUpdateTime }) => parseTime(lastUpdateTime) ?? 0);
  if (decided.length > 0) return Math.max(...decided) + decidedLifeMs;
  return (parseTime(metadata.creationTimestamp) ?? 0) + pendingLifeMs;
}
