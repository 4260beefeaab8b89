import assert from 'node:assert/strict';
import { builtIn } from '#lib/kinds/index.ts';
import { makeFakeEnv } from '#lib/env/fake.ts';
import type { FakeEnv } from '#lib/env/fake.ts';
import { ApiError } from '#lib/meta/errors.ts';
import { makeRegistry } from '#lib/metrics/registry.ts';
import { makeRequestContext } from '../rest/request-context.ts';
import type { Handler, RequestContext } from '../rest/request-context.ts';
import { requestInfoOf } from '../rest/request-info.ts';
import { UnavailableError } from '../store/types.ts';
import { makeAudit } from './audit.ts';
import type { Audit } from './audit.ts';
import { evaluator } from './evaluate.ts';
import type { Evaluate } from './evaluate.ts';
import type { Level } from './policy.ts';

/** Events are read loosely. */
// oxlint-disable-next-line typescript/no-explicit-any
type Event = Record<string, any>;

suite('makeAudit()', () => {
  let env: FakeEnv;
  let lines: string[];
  let room: Promise<void> | undefined;
  let policy: { current: Evaluate | undefined };
  let audit: Audit;
  setup(() => {
    env = makeFakeEnv();
    lines = [];
    room = undefined;
    const sink = { write: (line: string) => void lines.push(line), room: () => room, close: async () => {} };
    policy = { current: undefined };
    audit = makeAudit(policy, sink, makeRegistry(), env);
  });
  const tell = (level: Level) => (policy.current = evaluator({ rules: [{ level }] }));
  const events = () => lines.map((line) => JSON.parse(line) as Event);
  const contextOf = (method: string, path: string): RequestContext => {
    const request = { method, url: path, headers: {}, socket: { remoteAddress: '10.0.0.1' } };
    const context = makeRequestContext(
      {
        request: request as never,
        info: requestInfoOf(method, path, new URLSearchParams()),
        ownPath: '',
        query: new URLSearchParams(),
        auditId: 'id',
        startedAtMs: env.monotonic(),
      },
      builtIn,
    );
    context.user = context.caller = { name: 'jane', groups: [] };
    return context;
  };
  const serve = async (context: RequestContext, handler: Handler) => {
    audit.observer.onRequest!(context);
    try {
      await audit.filter(handler)(context);
    } catch (error) {
      context.failure =
        error instanceof ApiError
          ? error
          : new ApiError('InternalError', 'Internal error occurred', undefined, { cause: error });
      context.code = context.failure.code;
    }
    audit.observer.onEnd!(context);
  };
  const pods = '/api/v1/namespaces/a/pods';

  test('without a policy nothing is told, and the handler is called as it is', () => {
    const context = contextOf('GET', pods);
    const promise = Promise.resolve();
    assert.equal(audit.filter(() => promise)(context), promise);
    audit.observer.onEnd!(context);
    assert.deepEqual([lines, context.audit], [[], undefined]);
  });

  test('a fault of the program is told as a panic, and a store that does not answer as a failure', async () => {
    tell('Metadata');
    await serve(contextOf('GET', pods), async () => {
      throw new TypeError('x is not a function');
    });
    await serve(contextOf('GET', pods), async () => {
      throw new UnavailableError('no etcd');
    });
    const [, panic, , failed] = events();
    assert.deepEqual(
      [panic!['stage'], panic!['responseStatus']],
      [
        'Panic',
        {
          metadata: {},
          status: 'Failure',
          message: "APIServer panic'd: x is not a function",
          reason: 'InternalError',
          code: 500,
        },
      ],
    );
    assert.deepEqual([failed!['stage'], failed!['responseStatus'].code], ['ResponseComplete', 500]);
  });

  test('a client that goes before the answer begins is told as upstream tells it', async () => {
    tell('Metadata');
    await serve(contextOf('GET', pods), async () => {});
    const status = { metadata: {}, status: 'Success', message: 'Connection closed early', code: 200 };
    assert.deepEqual(
      events().map(({ stage, responseStatus }) => [stage, responseStatus]),
      [
        ['RequestReceived', undefined],
        ['ResponseComplete', status],
      ],
    );
    lines = [];
    await serve(contextOf('GET', `${pods}/p/log`), async () => {});
    assert.deepEqual(
      events().map(({ stage }) => stage),
      ['RequestReceived', 'ResponseStarted', 'ResponseComplete'],
    );
  });

  test('what a handler adds after the answer has begun is not taken', async () => {
    tell('RequestResponse');
    await serve(contextOf('GET', pods), async (context) => {
      context.audit!.answered(() => ({ kind: 'PodList' }));
      context.code = 200;
      context.audit!.answered(() => ({ kind: 'Status' }));
      context.audit!.annotate('a', '1');
      context.audit!.annotate('a', '2');
    });
    const { responseObject, responseStatus, annotations } = events()[1]!;
    assert.deepEqual(
      [responseObject, responseStatus, annotations],
      [{ kind: 'PodList' }, { metadata: {}, code: 200 }, { a: '1' }],
    );
  });

  test('no more is made of an answer than the policy wants', async () => {
    tell('Request');
    let made = 0;
    await serve(contextOf('GET', pods), async (context) => {
      context.audit!.answered(() => made++);
      context.code = 200;
    });
    assert.equal(made, 0);
  });

  test('requests wait while the log has no room', async () => {
    tell('Metadata');
    const full = Promise.withResolvers<void>();
    room = full.promise;
    let served = false;
    const serving = serve(contextOf('GET', pods), async () => void (served = true));
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([served, lines.length], [false, 1]);
    full.resolve();
    await serving;
    assert.equal(served, true);
  });
});
