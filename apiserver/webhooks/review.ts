/** AdmissionReview: what a webhook is asked, and what its answer says. As upstream's `admission/plugin/webhook/request`. Pure. */
import { fromStatus } from '#lib/meta/errors.ts';
import type { ApiError, Status } from '#lib/meta/errors.ts';
import type { AdmissionRequest } from '../admission/types.ts';

export interface Review {
  apiVersion: string;
  kind: 'AdmissionReview';
  request: { uid: string } & Record<string, unknown>;
}

/** What a webhook has answered that lets the request through. */
export interface Verdict {
  /** A JSON Patch; undefined for none. */
  patch: unknown;
  warnings: readonly string[];
  auditAnnotations: Readonly<Record<string, string>>;
}

const optionKinds = { CREATE: 'CreateOptions', UPDATE: 'UpdateOptions', DELETE: 'DeleteOptions' } as const;

/** The review in a version of `admission.k8s.io`. */
export function reviewOf(request: AdmissionRequest, uid: string, version: string): Review {
  const { kind, operation, subresource, namespace, name, object, before, caller, dryRun } = request;
  const type = { group: kind.group, version: kind.version, kind: kind.kind };
  const resource = { group: kind.group, version: kind.version, resource: kind.plural };
  const part = subresource === '' ? {} : { subResource: subresource, requestSubResource: subresource };
  return {
    kind: 'AdmissionReview',
    apiVersion: `admission.k8s.io/${version}`,
    request: {
      uid,
      kind: type,
      resource,
      requestKind: type,
      requestResource: resource,
      ...part,
      ...(name && { name }),
      ...(namespace && { namespace }),
      operation,
      userInfo: {
        username: caller.name,
        ...(caller.uid && { uid: caller.uid }),
        groups: caller.groups,
        ...(caller.extra && { extra: caller.extra }),
      },
      object: operation === 'DELETE' ? null : object,
      oldObject: operation === 'CREATE' ? null : before,
      dryRun,
      options: { kind: optionKinds[operation], apiVersion: 'meta.k8s.io/v1', ...(dryRun && { dryRun: ['All'] }) },
    },
  };
}

/** What the answer to a review says. Throws Error for one that makes no sense, and the ApiError that a refusal comes to. */
export function readVerdict(webhook: string, review: Review, answer: unknown): Verdict {
  const { apiVersion, kind, response } = (answer ?? {}) as { apiVersion?: string; kind?: string; response?: Response };
  if (apiVersion !== review.apiVersion || kind !== review.kind) {
    throw new Error(
      `expected webhook response of ${review.apiVersion}, Kind=${review.kind}, got ${apiVersion ?? ''}, Kind=${kind ?? ''}`,
    );
  }
  if (!response) throw new Error('webhook response was absent');
  if (response.uid !== review.request.uid) {
    throw new Error(
      `expected response.uid=${JSON.stringify(review.request.uid)}, got ${JSON.stringify(response.uid ?? '')}`,
    );
  }
  if (response.allowed !== true) throw denial(webhook, response.status ?? {});
  const { patch, patchType, warnings = [], auditAnnotations = {} } = response;
  if (patch !== undefined && patchType !== 'JSONPatch') {
    throw new Error(`webhook returned response.patch but not response.patchType`);
  }
  return {
    patch: patch ? (JSON.parse(Buffer.from(patch, 'base64').toString()) as unknown) : undefined,
    warnings,
    auditAnnotations,
  };
}

interface Response {
  uid?: string;
  allowed?: boolean;
  status?: Partial<Status>;
  patch?: string;
  patchType?: string;
  warnings?: string[];
  auditAnnotations?: Record<string, string>;
}

const leastCode = 400;

function denial(webhook: string, status: Partial<Status>): ApiError {
  const denied = `admission webhook ${JSON.stringify(webhook)} denied the request`;
  const why = status.message || status.reason;
  const code = status.code !== undefined && status.code >= leastCode ? status.code : leastCode;
  return fromStatus({ ...status, code, message: why ? `${denied}: ${why}` : `${denied} without explanation` });
}
