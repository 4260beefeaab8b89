/**
 * The audit log of those who call the verbs by gRPC: the cluster's own components. Their calls are told as the requests of REST that they stand for, so that
 * policies are about them too.
 */
import type { Env } from '#lib/env/env.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { ApiError } from '#lib/meta/errors.ts';
import type { Authorizer } from '../auth/authorize.ts';
import type { Caller, Verbs, WriteNotes, WriteOptions } from '../verbs/types.ts';
import type { AuditPolicy, OpenTrail } from './audit.ts';
import type { Evaluate } from './evaluate.ts';
import { isFault } from './trail.ts';
import type { AuditedRequest, TellingTrail } from './trail.ts';

interface Parts {
  policy: AuditPolicy;
  open: OpenTrail;
  room(): Promise<void> | undefined;
  authorize: Authorizer;
  env: Env;
}

interface Call {
  caller: Caller;
  verb: string;
  kind: Kind;
  namespace?: string;
  name?: string;
  subresource?: string | undefined;
  body?: unknown;
  query?: Record<string, string | number | boolean | undefined>;
}

/** What an answer was: its status, and the object when there is one. */
interface Answered {
  code?: number;
  object?: () => unknown;
}

type Course = AuditedRequest['course'];

export function auditVerbs(verbs: Verbs, parts: Parts): Verbs {
  /** The trail of a call, which has arrived; undefined when nothing is to be told. */
  const begin = async (
    call: Call,
    evaluate: Evaluate,
  ): Promise<{ trail: TellingTrail; course: Course } | undefined> => {
    const course: Course = { caller: call.caller, code: 0, failure: undefined };
    const trail = parts.open(evaluate, requestOf(call, course, parts.env));
    if (!trail) return undefined;
    trail.tell('RequestReceived');
    await parts.room();
    const { allowed, reason } = parts.authorize(call.caller, attemptOf(call));
    trail.annotate('authorization.k8s.io/decision', allowed ? 'allow' : 'forbid');
    trail.annotate('authorization.k8s.io/reason', reason);
    trail.asked(call.body);
    return { trail, course };
  };
  const told = async <T>(
    call: Call,
    run: (trail?: TellingTrail) => Promise<T>,
    answerOf: (result: T) => Answered,
  ): Promise<T> => {
    const begun = parts.policy.current && (await begin(call, parts.policy.current));
    if (!begun) return run();
    const { trail, course } = begun;
    try {
      const result = await run(trail);
      const { code = 200, object } = answerOf(result);
      if (object) trail.answered(object);
      course.code = code;
      return result;
    } catch (error) {
      fail(course, error);
      throw error;
    } finally {
      trail.tell(isFault(course) ? 'Panic' : 'ResponseComplete');
    }
  };

  return {
    get: (caller, kind, { namespace, name }, options) =>
      told(
        { caller, verb: 'get', kind, namespace, name, subresource: options?.subresource },
        () => verbs.get(caller, kind, { namespace, name }, options),
        (entry) => ({ object: () => entry.bytes }),
      ),
    list: (caller, kind, options) => {
      const { namespace, labelSelector, fieldSelector, limit } = options;
      return told(
        { caller, verb: 'list', kind, namespace, query: { labelSelector, fieldSelector, limit } },
        () => verbs.list(caller, kind, options),
        () => ({}),
      );
    },
    async watch(caller, targets, after, handlers) {
      const evaluate = parts.policy.current;
      if (!evaluate) return verbs.watch(caller, targets, after, handlers);
      const begun = await Promise.all(
        targets.map(({ kind, namespace, labelSelector, fieldSelector }) =>
          begin(
            { caller, verb: 'watch', kind, namespace, query: { watch: true, labelSelector, fieldSelector } },
            evaluate,
          ),
        ),
      );
      const all = begun.filter((one) => one !== undefined);
      const end = (error?: unknown) => {
        for (const { trail, course } of all.splice(0)) {
          if (error !== undefined && course.code === 0) fail(course, error);
          trail.tell('ResponseComplete');
        }
      };
      try {
        const watching = await verbs.watch(caller, targets, after, {
          onChanges: handlers.onChanges,
          onEnd(error) {
            end();
            handlers.onEnd(error);
          },
        });
        for (const { trail, course } of all) {
          course.code = 200;
          trail.tell('ResponseStarted');
        }
        return {
          close() {
            end();
            watching.close();
          },
        };
      } catch (error) {
        end(error);
        throw error;
      }
    },
    create: (caller, kind, namespace, body, options) =>
      told(
        { caller, verb: 'create', kind, namespace, body, query: { dryRun: dryRunOf(options) } },
        (trail) => verbs.create(caller, kind, namespace, body, noted(options, trail)),
        (entry) => ({ code: 201, object: () => entry.bytes }),
      ),
    createSubresource: (caller, kind, ref, subresource, body, options) =>
      told(
        { caller, verb: 'create', kind, ...ref, subresource, body, query: { dryRun: dryRunOf(options) } },
        (trail) => verbs.createSubresource(caller, kind, ref, subresource, body, noted(options, trail)),
        (answer) => ({ code: 201, object: () => answer }),
      ),
    update: (caller, kind, ref, body, options) => {
      const notes = notesOf(options);
      return told(
        {
          caller,
          verb: 'update',
          kind,
          ...ref,
          subresource: options?.subresource,
          body,
          query: { dryRun: dryRunOf(options) },
        },
        (trail) => verbs.update(caller, kind, ref, body, noted({ ...options, notes }, trail)),
        (entry) => ({ code: notes.created ? 201 : 200, object: () => entry.bytes }),
      );
    },
    patch: (caller, kind, ref, type, patch, options) => {
      const notes = notesOf(options);
      return told(
        {
          caller,
          verb: 'patch',
          kind,
          ...ref,
          subresource: options?.subresource,
          body: patch,
          query: { dryRun: dryRunOf(options) },
        },
        (trail) => verbs.patch(caller, kind, ref, type, patch, noted({ ...options, notes }, trail)),
        (entry) => ({ code: notes.created ? 201 : 200, object: () => entry.bytes }),
      );
    },
    delete: (caller, kind, ref, options) =>
      told(
        { caller, verb: 'delete', kind, ...ref, body: options, query: { dryRun: options?.dryRun ? 'All' : undefined } },
        () => verbs.delete(caller, kind, ref, options),
        ({ entry }) => ({ object: () => entry.bytes }),
      ),
    deleteCollection: (caller, kind, list, options) =>
      told(
        { caller, verb: 'deletecollection', kind, namespace: list.namespace, body: options },
        () => verbs.deleteCollection(caller, kind, list, options),
        () => ({}),
      ),
  };
}

function fail(course: Course, error: unknown): void {
  course.failure =
    error instanceof ApiError
      ? error
      : new ApiError('InternalError', 'Internal error occurred', undefined, { cause: error });
  course.code = course.failure.code;
}

/** The write's notes with a place for annotations. */
function noted(options: WriteOptions | undefined, trail: TellingTrail | undefined): WriteOptions {
  if (!trail) return options ?? {};
  const notes = notesOf(options);
  notes.annotate = trail.annotate;
  return { ...options, notes };
}

function notesOf(options: WriteOptions | undefined): WriteNotes {
  return options?.notes ?? { warnings: [], created: false };
}

function dryRunOf(options: WriteOptions | undefined): string | undefined {
  return options?.dryRun ? 'All' : undefined;
}

function requestOf(call: Call, course: Course, env: Env): AuditedRequest {
  const { caller, verb, kind, namespace = '', name = '', subresource = '' } = call;
  const path = pathOf(call);
  const query = new URLSearchParams(
    Object.entries(call.query ?? {}).flatMap(([key, value]) => (value ? [[key, String(value)]] : [])),
  );
  return {
    auditId: env.uuid(),
    info: {
      verb,
      isResource: true,
      group: kind.group,
      version: kind.version,
      resource: kind.plural,
      subresource,
      namespace,
      name,
      path,
    },
    requestUri: query.size > 0 ? `${path}?${query}` : path,
    userAgent: 'wherry-grpc',
    sourceIps: [],
    receivedMs: env.now(),
    user: caller,
    course,
  };
}

function pathOf({ kind, namespace, name, subresource }: Call): string {
  const parts = [
    ...(kind.group === '' ? ['api'] : ['apis', kind.group]),
    kind.version,
    ...(kind.namespaced && namespace ? ['namespaces', namespace] : []),
    kind.plural,
    ...(name ? [name] : []),
    ...(subresource ? [subresource] : []),
  ];
  return `/${parts.join('/')}`;
}

function attemptOf({ verb, kind, namespace = '', name = '', subresource = '' }: Call) {
  return { verb, group: kind.group, plural: kind.plural, subresource, namespace, name };
}
