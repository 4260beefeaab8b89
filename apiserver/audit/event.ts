/** Events of the audit log: audit.k8s.io/v1 Event, one line of JSON each, with fields in upstream's order. Pure. */
import type { Caller } from '../verbs/types.ts';
import type { Level, Stage } from './policy.ts';

/** meta/v1 Status as events show it. */
export interface ShownStatus {
  metadata: object;
  status?: string;
  message?: string;
  reason?: string;
  details?: object;
  code?: number;
}

export interface ObjectReference {
  resource?: string;
  namespace?: string;
  name?: string;
  uid?: string;
  apiGroup?: string;
  apiVersion?: string;
  resourceVersion?: string;
  subresource?: string;
}

/** What is known of a request by some stage. Times are in milliseconds since the epoch, with fractions. */
export interface AuditEvent {
  level: Level;
  auditId: string;
  stage: Stage;
  requestUri: string;
  verb: string;
  user: Caller | undefined;
  impersonatedUser: Caller | undefined;
  sourceIps: readonly string[];
  userAgent: string;
  objectRef: ObjectReference | undefined;
  responseStatus: ShownStatus | undefined;
  /** JSON texts. */
  requestObject: string | undefined;
  responseObject: string | undefined;
  receivedMs: number;
  stageMs: number;
  annotations: ReadonlyMap<string, string>;
}

/** What of a client's name for itself is told. */
const longestUserAgent = 1024;

/** The event as a line. */
export function eventLine(event: AuditEvent): string {
  const { requestObject, responseObject, annotations, sourceIps } = event;
  const head = JSON.stringify({
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: event.level,
    auditID: event.auditId,
    stage: event.stage,
    requestURI: event.requestUri,
    verb: event.verb,
    user: event.user ? userOf(event.user) : {},
    impersonatedUser: event.impersonatedUser && userOf(event.impersonatedUser),
    sourceIPs: sourceIps.length > 0 ? sourceIps : undefined,
    userAgent: shortened(event.userAgent) || undefined,
    objectRef: event.objectRef && withoutEmpty(event.objectRef),
    responseStatus: event.responseStatus,
  });
  const tail = JSON.stringify({
    requestReceivedTimestamp: formatMicros(event.receivedMs),
    stageTimestamp: formatMicros(event.stageMs),
    annotations: annotations.size > 0 ? Object.fromEntries([...annotations].sort(byName)) : undefined,
  });
  // Objects are JSON already.
  const objects = [
    ...(requestObject === undefined ? [] : [`"requestObject":${requestObject}`]),
    ...(responseObject === undefined ? [] : [`"responseObject":${responseObject}`]),
  ];
  return `${[head.slice(0, -1), ...objects, tail.slice(1)].join(',')}\n`;
}

/** authentication/v1 UserInfo. */
function userOf({ name, uid, groups, extra }: Caller): object {
  return {
    username: name || undefined,
    uid: uid || undefined,
    groups: groups.length > 0 ? groups : undefined,
    extra: extra && Object.keys(extra).length > 0 ? extra : undefined,
  };
}

function withoutEmpty(reference: ObjectReference): ObjectReference {
  const { resource, namespace, name, uid, apiGroup, apiVersion, resourceVersion, subresource } = reference;
  const inOrder = { resource, namespace, name, uid, apiGroup, apiVersion, resourceVersion, subresource };
  return Object.fromEntries(Object.entries(inOrder).filter(([, value]) => value));
}

function shortened(text: string): string {
  return text.length > longestUserAgent ? `${text.slice(0, longestUserAgent)}...TRUNCATED` : text;
}

/** RFC 3339 with all the microseconds that there are. */
function formatMicros(ms: number): string {
  const whole = Math.floor(ms);
  const micros = String(Math.floor((ms - whole) * 1000)).padStart(3, '0');
  return `${new Date(whole).toISOString().slice(0, 23)}${micros}Z`;
}

function byName([a]: [string, string], [b]: [string, string]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
