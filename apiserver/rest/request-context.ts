/** What is known of one request while it is served, and who is told of it. */
import type { Duplex } from 'node:stream';
import type { ApiError } from '#lib/meta/errors.ts';
import { anonymous } from '../auth/anonymous.ts';
import type { Caller } from '../verbs/types.ts';
import type { Request, Response } from './answer.ts';
import type { TellingTrail } from '../audit/trail.ts';
import type { Seat } from './filters/flow-control.ts';
import { isLongRunning } from './request-info.ts';
import type { RequestInfo } from './request-info.ts';
import type { Catalog } from '#lib/kinds/catalog.ts';
import { routeOf } from './route.ts';
import type { Route } from './route.ts';

/** Begins when the request has arrived; filters and the answer complete it. What others keep of a request they keep here: a WeakMap beside it costs more. */
export interface RequestContext {
  readonly request: Request;
  /** Undefined when the connection is to speak another protocol: then there is `upgrade`. */
  readonly response: Response | undefined;
  readonly upgrade: Takeover | undefined;
  readonly info: RequestInfo;
  readonly query: URLSearchParams;
  /** The name by which both sides can find the request. */
  readonly auditId: string;
  /** On the monotonic clock, in milliseconds. */
  readonly startedAtMs: number;
  readonly isLongRunning: boolean;
  /** The resource that it names; undefined when that is none of ours. */
  readonly route: Route | undefined;
  /** The path, when it has an answer to itself, as `/metrics` has; '' otherwise. */
  readonly ownPath: string;
  /** Who showed credentials; undefined until they were checked, and when they were refused. */
  user: Caller | undefined;
  /** Whom the request is taken for: another than `user` when that one impersonates. Nobody known until the filters have found out. */
  caller: Caller;
  /** What authorization has decided; undefined while it has not. */
  isAllowed: boolean | undefined;
  /** Whether it is being served, or was: nothing held it up or turned it away before. */
  isServed: boolean;
  /** How long flow control has held it up. */
  queuedMs: number;
  /** Whether it was given up because its time was over. */
  isLate: boolean;
  /** Whether it is a watch that was cut off because the client read too slowly. */
  isDropped: boolean;
  /** Whether the answer has left, or nobody waits for it any more. */
  isOver: boolean;
  /** The status of the answer; 0 until it begins. */
  code: number;
  /** Of the answer's body, so far. Of an upgraded connection nothing is counted. */
  bytesSent: number;
  /** Why the request was refused or failed, when it was. */
  failure: ApiError | undefined;
  /** What is taken down for the audit log; undefined when that is not to hold the request. */
  audit: TellingTrail | undefined;
  /** Where it came from, if somebody wanted to know: a connection that has ended cannot tell any more. */
  remoteAddress: string | undefined;
  /** What it holds of the server's concurrency. */
  seat: Seat | undefined;
}

/** A connection to be taken over from HTTP. */
export interface Takeover {
  socket: Duplex;
  /** The first bytes after the request. */
  head: Buffer;
}

/** Hears of every request. What it does must be quick; it never throws. */
export interface RequestObserver {
  /** It has arrived: nothing is known but what it is about. */
  onRequest?(context: RequestContext): void;
  /** Its turn has come: who asks is known, and flow control has let it through. */
  onServe?(context: RequestContext): void;
  /** The answer begins: `code` is known. */
  onAnswer?(context: RequestContext): void;
  /** It is over: answered, failed, or given up by the client, before the answer began (`code` 0) or after. */
  onEnd?(context: RequestContext): void;
}

/** Serves a request: answers it, or throws an ApiError while nothing has been answered. */
export type Handler = (context: RequestContext) => Promise<void>;

/** A step around all requests: serves some itself, by throwing too, and hands the others on. */
export type Filter = (next: Handler) => Handler;

/** The filters in their order, the first outermost, around the handler. */
export function chain(filters: readonly Filter[], handler: Handler): Handler {
  return filters.reduceRight((next, filter) => filter(next), handler);
}

export type Arrival = Pick<RequestContext, 'request' | 'info' | 'ownPath' | 'query' | 'auditId' | 'startedAtMs'> & {
  response?: Response;
  upgrade?: Takeover;
};

export function makeRequestContext(arrival: Arrival, catalog: Pick<Catalog, 'at'>): RequestContext {
  const { request, response, upgrade, info, ownPath, query, auditId, startedAtMs } = arrival;
  return {
    request,
    response,
    upgrade,
    info,
    query,
    auditId,
    startedAtMs,
    isLongRunning: isLongRunning(info),
    route: routeOf(info, catalog),
    ownPath,
    user: undefined,
    caller: anonymous,
    isAllowed: undefined,
    isServed: false,
    queuedMs: 0,
    isLate: false,
    isDropped: false,
    isOver: false,
    code: 0,
    bytesSent: 0,
    failure: undefined,
    audit: undefined,
    remoteAddress: undefined,
    seat: undefined,
  };
}

/** One observer that tells all. */
export function allOf(observers: readonly RequestObserver[]): Required<RequestObserver> {
  const tell = (event: keyof RequestObserver) => {
    const those = observers.filter((observer) => observer[event]);
    return (context: RequestContext) => {
      for (const observer of those) observer[event]!(context);
    };
  };
  return {
    onRequest: tell('onRequest'),
    onServe: tell('onServe'),
    onAnswer: tell('onAnswer'),
    onEnd: tell('onEnd'),
  };
}
