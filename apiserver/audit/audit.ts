/** The audit log of requests: which ones it tells of, and when. Without a policy it does nothing. */
import type { Env } from '#lib/env/env.ts';
import type { Registry } from '#lib/metrics/registry.ts';
import type { Filter, Handler, RequestContext, RequestObserver } from '../rest/request-context.ts';
import { UnavailableError } from '../store/types.ts';
import { eventLine } from './event.ts';
import type { AuditEvent } from './event.ts';
import type { Evaluate, Verdict } from './evaluate.ts';
import { levels } from './policy.ts';
import type { Sink } from './sink.ts';
import { makeTrail } from './trail.ts';
import type { TellingTrail } from './trail.ts';

export interface Audit {
  /** To stand between finding out who asks and taking the request for another's. */
  filter: Filter;
  observer: RequestObserver;
}

/** The policy of the moment; undefined when there is none. */
export interface AuditPolicy {
  readonly current: Evaluate | undefined;
}

export function makeAudit(policy: AuditPolicy, sink: Sink, registry: Registry, env: Env): Audit {
  const events = registry
    .counter('apiserver_audit_event_total', '[ALPHA] Counter of audit events generated and sent to the audit backend.')
    .with();
  const levelFamily = registry.counter(
    'apiserver_audit_level_total',
    '[ALPHA] Counter of policy levels for audit events (1 per request).',
    ['level'],
  );
  const perLevel = new Map(levels.map((level) => [level, levelFamily.with(level)]));
  const trails = new WeakMap<RequestContext, TellingTrail>();
  const addresses = new WeakMap<RequestContext, string>();
  const emit = (event: AuditEvent) => {
    events.add();
    sink.write(eventLine(event));
  };
  const judged = (evaluate: Evaluate, context: RequestContext): Verdict => {
    const verdict = evaluate(context.info, context.user);
    perLevel.get(verdict.level)!.add();
    return verdict;
  };

  return {
    filter: (next) => (context) => {
      const evaluate = policy.current;
      return evaluate ? audited(evaluate, context, next) : next(context);
    },
    observer: {
      onRequest(context) {
        if (!policy.current) return;
        const { remoteAddress } = context.request.socket;
        if (remoteAddress !== undefined) addresses.set(context, remoteAddress);
      },
      onAnswer(context) {
        if (context.isLongRunning) trails.get(context)?.tell('ResponseStarted');
      },
      onEnd(context) {
        const trail = trails.get(context);
        if (!trail) return tellTurnedAway(context);
        if (isFault(context)) return trail.tell('Panic');
        if (context.isLongRunning && !trail.has('ResponseStarted')) trail.tell('ResponseStarted');
        trail.tell('ResponseComplete');
      },
    },
  };

  async function audited(evaluate: Evaluate, context: RequestContext, next: Handler): Promise<void> {
    const verdict = judged(evaluate, context);
    if (verdict.level === 'None') return next(context);
    const trail = makeTrail(context, verdict, addresses.get(context), env, emit);
    trails.set(context, trail);
    context.audit = trail;
    trail.tell('RequestReceived');
    await sink.room();
    return next(context);
  }

  /** Of who could not be made out, upstream tells one stage. */
  function tellTurnedAway(context: RequestContext): void {
    const evaluate = policy.current;
    if (!evaluate || !context.failure || context.user) return;
    const verdict = judged(evaluate, context);
    if (verdict.level !== 'None')
      makeTrail(context, verdict, addresses.get(context), env, emit).tell('ResponseStarted');
  }
}

/** Whether the program itself failed, which the client is told no more of than that; a store that does not answer is no such fault. */
function isFault({ failure }: RequestContext): boolean {
  if (failure?.reason !== 'InternalError' || failure.message !== 'Internal error occurred') return false;
  return !(failure.cause instanceof UnavailableError);
}
