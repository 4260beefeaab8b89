/**
 * Failures that cross a boundary. The reasons, their HTTP codes and their gRPC codes are one table; the shape on the
 * wire is meta/v1 Status, as in upstream's `apimachinery/pkg/api/errors`.
 */
import { goQuote, goText } from './go-text.ts';

/** Reason -> HTTP status and gRPC status code. */
export const reasons = {
  BadRequest: { http: 400, grpc: 3 },
  Unauthorized: { http: 401, grpc: 16 },
  Forbidden: { http: 403, grpc: 7 },
  NotFound: { http: 404, grpc: 5 },
  MethodNotAllowed: { http: 405, grpc: 12 },
  NotAcceptable: { http: 406, grpc: 3 },
  AlreadyExists: { http: 409, grpc: 6 },
  Conflict: { http: 409, grpc: 10 },
  Expired: { http: 410, grpc: 11 },
  Gone: { http: 410, grpc: 11 },
  RequestEntityTooLarge: { http: 413, grpc: 8 },
  UnsupportedMediaType: { http: 415, grpc: 3 },
  Invalid: { http: 422, grpc: 3 },
  TooManyRequests: { http: 429, grpc: 8 },
  InternalError: { http: 500, grpc: 13 },
  /** Upstream's plain errors, which carry no reason on the wire. */
  Unknown: { http: 500, grpc: 2 },
  ServiceUnavailable: { http: 503, grpc: 14 },
  Timeout: { http: 504, grpc: 4 },
} as const satisfies Record<string, { http: number; grpc: number }>;

export type Reason = keyof typeof reasons;

/** One cause within a Status: what sort of fault, if it has a name, the sentence without the field, and which field, if it is one's. */
export interface Cause {
  reason?: string;
  message: string;
  field?: string;
}

export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: Cause[];
  retryAfterSeconds?: number;
}

/** meta/v1 Status as a failure answer. */
export interface Status {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: { continue?: string };
  status: 'Failure';
  message: string;
  /** Absent for Unknown. */
  reason?: Reason;
  details?: StatusDetails;
  code: number;
}

/** `continue` lets a client whose list has expired go on all the same, inconsistently. */
export interface ApiErrorOptions extends ErrorOptions {
  continue?: string;
}

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly reason: Reason;
  readonly details: StatusDetails | undefined;
  readonly continue: string | undefined;

  constructor(reason: Reason, message: string, details?: StatusDetails, options?: ApiErrorOptions) {
    super(message, options);
    this.reason = reason;
    this.details = details;
    this.continue = options?.continue;
  }

  /** HTTP status code. */
  get code(): number {
    return reasons[this.reason].http;
  }

  toStatus(): Status {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: this.continue === undefined ? {} : { continue: this.continue },
      status: 'Failure',
      message: this.message,
      ...(this.reason !== 'Unknown' && { reason: this.reason }),
      ...(this.details && { details: this.details }),
      code: this.code,
    };
  }
}

/** Rebuilds the error from its Status; an unknown reason becomes the one that fits the code, else InternalError. */
export function fromStatus(status: {
  message?: string;
  reason?: string;
  code?: number;
  details?: StatusDetails;
}): ApiError {
  const known = status.reason !== undefined && status.reason in reasons ? (status.reason as Reason) : undefined;
  const byCode = (Object.keys(reasons) as Reason[]).find((reason) => reasons[reason].http === status.code);
  return new ApiError(known ?? byCode ?? 'InternalError', status.message ?? 'unknown error', status.details);
}

/** Whether `error` is an ApiError with one of these reasons. */
export function isReason(error: unknown, ...wanted: Reason[]): error is ApiError {
  return error instanceof ApiError && wanted.includes(error.reason);
}

/** The resource's name in error texts: `pods`, or `deployments.apps` with a group. */
export function qualified(resource: { group: string; plural: string }): string {
  return resource.group ? `${resource.plural}.${resource.group}` : resource.plural;
}

interface Named {
  group: string;
  plural: string;
}

export function notFound(resource: Named, name: string): ApiError {
  return new ApiError('NotFound', `${qualified(resource)} ${goQuote(name)} not found`, detailsOf(resource, name));
}

export function alreadyExists(resource: Named, name: string): ApiError {
  return new ApiError(
    'AlreadyExists',
    `${qualified(resource)} ${goQuote(name)} already exists`,
    detailsOf(resource, name),
  );
}

/** A failed optimistic write; `because` follows upstream's prefix. */
export function conflict(
  resource: Named,
  name: string,
  because = 'the object has been modified; please apply your changes to the latest version and try again',
): ApiError {
  return new ApiError(
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(resource)} ${goQuote(name)}: ${because}`,
    detailsOf(resource, name),
  );
}

export function forbidden(resource: Named, name: string, because: string): ApiError {
  return new ApiError(
    'Forbidden',
    `${qualified(resource)} ${goQuote(name)} is forbidden: ${because}`,
    detailsOf(resource, name),
  );
}

export function badRequest(message: string): ApiError {
  return new ApiError('BadRequest', message);
}

/** A request that is understood and does not fit. Upstream does not tell clients why. */
export function unprocessable(because: string): ApiError {
  return new ApiError(
    'Invalid',
    'the server rejected our request due to an error in our request',
    {},
    { cause: because },
  );
}

/** A failure that upstream answers with 500 and its text alone. */
export function plainError(message: string): ApiError {
  return new ApiError('Unknown', message);
}

/** The text of an expired list or watch position. */
export function expired(message = 'The resourceVersion for the provided watch is too old.'): ApiError {
  return new ApiError('Expired', message);
}

function detailsOf(resource: Named, name: string): StatusDetails {
  return { name, ...(resource.group && { group: resource.group }), kind: resource.plural };
}

/** A fault in one field, as `apimachinery/pkg/util/validation/field` sorts them. `message` is the whole sentence without the path. */
export interface FieldError {
  field: string;
  reason:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueNotSupported'
    | 'FieldValueForbidden'
    | 'FieldValueDuplicate'
    | 'FieldValueTooLong'
    | 'FieldValueTooMany'
    | 'FieldValueTypeInvalid'
    | 'FieldValueNotFound'
    | 'InternalError';
  message: string;
}

export const required = (field: string, detail = ''): FieldError => ({
  field,
  reason: 'FieldValueRequired',
  message: detailed('Required value', detail),
});

export const invalid = (field: string, value: unknown, detail: string): FieldError => ({
  field,
  reason: 'FieldValueInvalid',
  message: detailed(`Invalid value: ${goText(value)}`, detail),
});

/** As invalid(), of a value that is not shown. */
export const invalidUnshown = (field: string, detail: string): FieldError => ({
  field,
  reason: 'FieldValueInvalid',
  message: detailed('Invalid value', detail),
});

/** `supported` is listed in the order given. */
export const notSupported = (field: string, value: unknown, supported: readonly string[]): FieldError => ({
  field,
  reason: 'FieldValueNotSupported',
  message: `Unsupported value: ${goText(value)}: supported values: ${supported.map(goQuote).join(', ')}`,
});

export const fieldForbidden = (field: string, detail: string): FieldError => ({
  field,
  reason: 'FieldValueForbidden',
  message: detailed('Forbidden', detail),
});

export const duplicate = (field: string, value: unknown, detail = ''): FieldError => ({
  field,
  reason: 'FieldValueDuplicate',
  message: detailed(`Duplicate value: ${goText(value)}`, detail),
});

/** Something that the object itself should have is not there. */
export const fieldNotFound = (field: string, value: unknown, detail = ''): FieldError => ({
  field,
  reason: 'FieldValueNotFound',
  message: detailed(`Not found: ${goText(value)}`, detail),
});

/** More than `most` bytes. */
export const tooLong = (field: string, most: number): FieldError => ({
  field,
  reason: 'FieldValueTooLong',
  message: `Too long: may not be more than ${most} bytes`,
});

/** `count` items where `most` may be. */
export const tooMany = (field: string, count: number, most: number): FieldError => ({
  field,
  reason: 'FieldValueTooMany',
  message: `Too many: ${count}: must have at most ${most} items`,
});

function detailed(sentence: string, detail: string): string {
  return detail ? `${sentence}: ${detail}` : sentence;
}

/** Faults of an object that are told, and the length of what is told: one with so many has the same fault throughout. */
export const maxFaults = 1000;
const maxToldLength = 1_000_000;

function told(faults: readonly FieldError[]): readonly FieldError[] {
  let length = 0;
  const beyond = faults.findIndex(({ message }, i) => i >= maxFaults || (length += message.length) > maxToldLength);
  // One is told however long it is.
  return beyond < 0 ? faults : faults.slice(0, Math.max(beyond, 1));
}

/** A 422 with one cause per field error, worded as upstream's NewInvalid. */
export function invalidObject(resource: { group: string; kind: string }, name: string, faults: FieldError[]): ApiError {
  const errors = told(faults);
  const sentences = [...new Set(errors.map((error) => `${error.field}: ${error.message}`))];
  const all = sentences.length === 1 ? sentences[0]! : `[${sentences.join(', ')}]`;
  const kind = resource.group ? `${resource.kind}.${resource.group}` : resource.kind;
  return new ApiError('Invalid', `${kind} ${goQuote(name)} is invalid: ${all}`, {
    ...(name && { name }),
    ...(resource.group && { group: resource.group }),
    kind: resource.kind,
    causes: errors.map(({ field, reason, message }) => ({ reason, message, field })),
  });
}
