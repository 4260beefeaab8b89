/** What is taken down of one request, and told stage by stage. */
import type { Env } from '#lib/env/env.ts';
import type { RequestContext } from '../rest/request-context.ts';
import type { RequestInfo } from '../rest/request-info.ts';
import { UnavailableError } from '../store/types.ts';
import type { Caller } from '../verbs/types.ts';
import type { AuditEvent, ObjectReference, ShownStatus } from './event.ts';
import type { Asked, Verdict } from './evaluate.ts';
import type { Stage } from './policy.ts';
import { objectText } from './objects.ts';

/** What those who serve the request add to it. */
export interface AuditTrail {
  /** The first value of a key counts. */
  annotate(key: string, value: string): void;
  /** The body as a JSON value. */
  asked(body: unknown): void;
  /** What is answered, as a JSON value or as the bytes of one, made only when it is to be told. */
  answered(object: () => unknown): void;
}

export interface TellingTrail extends AuditTrail {
  /** Tells a stage, unless the policy omits it. */
  tell(stage: Stage): void;
  /** Whether the stage has come, told or not. */
  has(stage: Stage): boolean;
}

/** What is known of a request from its beginning. */
export interface AuditedRequest {
  auditId: string;
  info: Asked & Pick<RequestInfo, 'version'>;
  requestUri: string;
  userAgent: string;
  sourceIps: readonly string[];
  /** Milliseconds since the epoch, with fractions. */
  receivedMs: number;
  /** Who asks; undefined when nobody could be made out. */
  user: Caller | undefined;
  /** What becomes of it. */
  course: Pick<RequestContext, 'caller' | 'code' | 'failure'>;
}

/** `emit` takes the events. */
export function makeTrail(
  request: AuditedRequest,
  { level, omitStages, omitManagedFields }: Verdict,
  env: Pick<Env, 'now'>,
  emit: (event: AuditEvent) => void,
): TellingTrail {
  const { info, user, auditId, receivedMs, course } = request;
  const annotations = new Map<string, string>();
  const objectRef = info.isResource ? referenceTo(info) : undefined;
  const told = new Set<Stage>();
  let requestObject: string | undefined;
  let responseObject: string | undefined;
  let answeredStatus: ShownStatus | undefined;

  return {
    annotate(key, value) {
      if (!annotations.has(key)) annotations.set(key, value);
    },
    asked(body) {
      if (body === undefined) return;
      if (objectRef && !Array.isArray(body) && info.verb !== 'patch') completeReference(objectRef, body);
      if (level === 'Request' || level === 'RequestResponse') requestObject = objectText(body, omitManagedFields);
    },
    answered(object) {
      // A handler that comes too late answers nobody.
      if (course.code !== 0) return;
      const isTold = level === 'RequestResponse';
      if (!isTold && !mayBeStatus(info, course)) return;
      const value = object();
      answeredStatus = statusIn(value);
      if (isTold) responseObject = objectText(value, omitManagedFields);
    },
    has: (stage) => told.has(stage),
    tell(stage) {
      told.add(stage);
      if (omitStages.has(stage)) return;
      emit({
        level,
        auditId,
        stage,
        requestUri: request.requestUri,
        verb: info.verb,
        user,
        impersonatedUser: course.caller === user || !user ? undefined : course.caller,
        sourceIps: request.sourceIps,
        userAgent: request.userAgent,
        objectRef,
        responseStatus: stage === 'RequestReceived' ? undefined : statusOf(course, stage, answeredStatus),
        requestObject,
        responseObject,
        receivedMs,
        stageMs: stage === 'RequestReceived' ? receivedMs : Math.max(env.now(), receivedMs),
        annotations,
      });
    },
  };
}

/** Whether the program itself failed, which the client is told no more of than that; a store that does not answer is no such fault. */
export function isFault({ failure }: AuditedRequest['course']): boolean {
  if (failure?.reason !== 'InternalError' || failure.message !== 'Internal error occurred') return false;
  return !(failure.cause instanceof UnavailableError);
}

function referenceTo(info: AuditedRequest['info']): ObjectReference {
  const { resource, namespace, name, group: apiGroup, version: apiVersion, subresource } = info;
  return { resource, namespace, name, apiGroup, apiVersion, subresource };
}

/** What the path does not say, the object that was sent may. */
function completeReference(reference: ObjectReference, body: unknown): void {
  const { metadata } = (body ?? {}) as { metadata?: Record<string, unknown> | null };
  if (typeof metadata !== 'object' || metadata === null) return;
  for (const field of ['namespace', 'name', 'uid', 'resourceVersion'] as const) {
    const value = metadata[field];
    if (typeof value === 'string') reference[field] ||= value;
  }
}

/** Failures are known without looking at them, and only deletions and creations through a subresource answer Status otherwise. */
function mayBeStatus(info: Asked, { failure }: AuditedRequest['course']): boolean {
  return !failure && (info.verb === 'delete' || (info.verb === 'create' && info.subresource !== ''));
}

function statusIn(value: unknown): ShownStatus | undefined {
  if (typeof value !== 'object' || value === null || (value as { kind?: unknown }).kind !== 'Status') return undefined;
  return shown(value);
}

/** The bounded part of a Status. */
function shown({ status, message, reason, details }: Partial<ShownStatus>): ShownStatus {
  return {
    metadata: {},
    ...(status && { status }),
    ...(message && { message }),
    ...(reason && { reason }),
    ...(details && { details }),
  };
}

function statusOf(
  { code, failure }: AuditedRequest['course'],
  stage: Stage,
  answered: ShownStatus | undefined,
): ShownStatus {
  if (stage === 'Panic') {
    const message = `APIServer panic'd: ${(failure?.cause as Error | undefined)?.message ?? 'unknown'}`;
    return { metadata: {}, status: 'Failure', message, reason: 'InternalError', code: 500 };
  }
  if (code === 0) return { metadata: {}, status: 'Success', message: 'Connection closed early', code: 200 };
  return { ...((failure && shown(failure.toStatus())) ?? answered ?? { metadata: {} }), code };
}
