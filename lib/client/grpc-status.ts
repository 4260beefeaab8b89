/** Failures on gRPC: the meta/v1 Status travels in trailing metadata, a plain code says what it can for those who do not read it. */
import { Metadata, status } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import { ApiError, fromStatus, reasons } from '#lib/meta/errors.ts';
import type { Reason, Status } from '#lib/meta/errors.ts';

/** The trailing metadata with the meta/v1 Status as JSON. */
const statusKey = 'wherry-status-bin';

/** Failures that gRPC itself reports, without a Status: the connection's, mostly. */
const byCode: Readonly<Record<number, Reason>> = {
  [status.CANCELLED]: 'ServiceUnavailable',
  [status.UNAVAILABLE]: 'ServiceUnavailable',
  [status.ABORTED]: 'ServiceUnavailable',
  [status.DEADLINE_EXCEEDED]: 'Timeout',
  [status.RESOURCE_EXHAUSTED]: 'RequestEntityTooLarge',
  [status.UNAUTHENTICATED]: 'Unauthorized',
  [status.PERMISSION_DENIED]: 'Forbidden',
};

/** A failure as callers may see it: anything but an ApiError is InternalError, told without its details. */
export function toApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError('InternalError', 'Internal error occurred');
}

/** What a server answers a failed call with. */
export function toServiceError(error: unknown): Error & { code: number; details: string; metadata: Metadata } {
  const known = toApiError(error);
  const metadata = new Metadata();
  metadata.set(statusKey, Buffer.from(JSON.stringify(known.toStatus())));
  return Object.assign(new Error(known.message), {
    code: reasons[known.reason].grpc,
    details: known.message,
    metadata,
  });
}

/** Whether the server itself has refused, rather than gRPC. */
export function hasStatus(metadata: Metadata): boolean {
  return metadata.get(statusKey).length > 0;
}

/** What a client makes of a failed call. */
export function fromServiceError(error: ServiceError): ApiError {
  const [bytes] = error.metadata?.get(statusKey) ?? [];
  if (bytes !== undefined) return fromStatus(JSON.parse(bytes.toString()) as Status);
  const reason = byCode[error.code] ?? 'InternalError';
  return new ApiError(reason, `Cannot call the API server: ${error.details || error.message}`, undefined, {
    cause: error,
  });
}

/** What a failed call of anybody's is, in the words of gRPC for Go: `rpc error: code = NotFound desc = ...`. */
export function goErrorText({ code, details }: Pick<ServiceError, 'code' | 'details'>): string {
  return `rpc error: code = ${goCode(code)} desc = ${details}`;
}

/** `NotFound` for 5. */
function goCode(code: status): string {
  if (code === status.CANCELLED) return 'Canceled';
  const words = status[code].toLowerCase().split('_');
  return words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('');
}
