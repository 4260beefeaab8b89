/** The audit log of requests: which ones it tells of, and when. Without a policy it does nothing. */
import type { Env } from '#lib/env/env.ts';
import type { Registry } from '#lib/metrics/registry.ts';
import type { Authorizer } from '../auth/authorize.ts';
import type { Filter, Handler, RequestContext, RequestObserver } from '../rest/request-context.ts';
import type { Verbs } from '../verbs/types.ts';
import { auditVerbs } from './audited-verbs.ts';
import { eventLine } from './event.ts';
import type { Evaluate } from './evaluate.ts';
import { levels } from './policy.ts';
import type { Sink } from './sink.ts';
import { sourceIps } from './source-ips.ts';
import { isFault, makeTrail } from './trail.ts';
import type { AuditedRequest, TellingTrail } from './trail.ts';

export interface Audit {
  /** To stand between finding out who asks and taking the request for another's. */
  filter: Filter;
  observer: RequestObserver;
  /** The verbs with each call told, for a front that has neither filters nor observers. */
  audited(verbs: Verbs, authorize: Authorizer): Verbs;
}

/** The policy of the moment; undefined when there is none. */
export interface AuditPolicy {
  readonly current: Evaluate | undefined;
}

/** Begins to tell of a request, unless the policy leaves it out. */
export type OpenTrail = (evaluate: Evaluate, request: AuditedRequest) => TellingTrail | undefined;

export function makeAudit(policy: AuditPolicy, sink: Sink, registry: Registry, env: Env): Audit {
  const open = makeOpener(sink, registry, env);

  const audited = async (evaluate: Evaluate, context: RequestContext, next: Handler): Promise<void> => {
    const trail = open(evaluate, requestOf(context, context.remoteAddress, env));
    if (!trail) return next(context);
    context.audit = trail;
    trail.tell('RequestReceived');
    await sink.room();
    return next(context);
  };
  /** Of who could not be made out, upstream tells one stage. */
  const tellTurnedAway = (context: RequestContext): void => {
    const evaluate = policy.current;
    if (!evaluate || !context.failure || context.user) return;
    open(evaluate, requestOf(context, context.remoteAddress, env))?.tell('ResponseStarted');
  };

  return {
    filter: (next) => (context) => {
      const evaluate = policy.current;
      return evaluate ? audited(evaluate, context, next) : next(context);
    },
    observer: {
      onRequest(context) {
        if (policy.current) context.remoteAddress = context.request.socket.remoteAddress;
      },
      onAnswer(context) {
        if (context.isLongRunning) context.audit?.tell('ResponseStarted');
      },
      onEnd(context) {
        const trail = context.audit;
        if (!trail) return tellTurnedAway(context);
        if (isFault(context)) return trail.tell('Panic');
        if (context.isLongRunning && !trail.has('ResponseStarted')) trail.tell('ResponseStarted');
        trail.tell('ResponseComplete');
      },
    },
    audited: (verbs, authorize) => auditVerbs(verbs, { policy, open, room: sink.room, authorize, env }),
  };
}

function makeOpener(sink: Sink, registry: Registry, env: Env): OpenTrail {
  const events = registry
    .counter('apiserver_audit_event_total', '[ALPHA] Counter of audit events generated and sent to the audit backend.')
    .with();
  const byLevel = registry.counter(
    'apiserver_audit_level_total',
    '[ALPHA] Counter of policy levels for audit events (1 per request).',
    ['level'],
  );
  const counters = new Map(levels.map((level) => [level, byLevel.with(level)]));
  return (evaluate, request) => {
    const verdict = evaluate(request.info, request.user);
    counters.get(verdict.level)!.add();
    if (verdict.level === 'None') return undefined;
    return makeTrail(request, verdict, env, (event) => {
      events.add();
      sink.write(eventLine(event));
    });
  };
}

function requestOf(context: RequestContext, remoteAddress: string | undefined, env: Env): AuditedRequest {
  const { request, auditId, info, user, startedAtMs } = context;
  return {
    auditId,
    info,
    user,
    requestUri: request.url ?? '',
    userAgent: request.headers['user-agent'] ?? '',
    sourceIps: sourceIps(request.headers, remoteAddress),
    receivedMs: env.now() - (env.monotonic() - startedAtMs),
    course: context,
  };
}
