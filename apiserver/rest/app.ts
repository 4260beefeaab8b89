/** The REST front: what every request passes through, in upstream's order, and what answers it. */
import type { Duplex } from 'node:stream';
import type { Request as ExpressRequest, Response as ExpressResponse } from 'express';
import type { Env } from '#lib/env/env.ts';
import type { Catalog } from '#lib/kinds/catalog.ts';
import type { Authenticator } from '../auth/authenticate.ts';
import type { Authorizer } from '../auth/authorize.ts';
import type { Verbs } from '../verbs/types.ts';
import { asApiError, refuseUpgrade, sendError } from './answer.ts';
import type { Request, Response } from './answer.ts';
import { notAllowed, sendText, serveAnsweredPaths } from './answered-paths.ts';
import type { AnsweredPaths } from './answered-paths.ts';
import type { SubresourceHandler, UpgradeHandler } from './exchange.ts';
import { withAuthentication } from './filters/authentication.ts';
import { withAuthorization } from './filters/authorization.ts';
import { withDeadline } from './filters/deadline.ts';
import { withImpersonation } from './filters/impersonation.ts';
import { makeBridges } from './http2-bridge.ts';
import type { Bridges } from './http2-bridge.ts';
import { contextOf, setContext } from './observed-response.ts';
import { allOf, chain, makeRequestContext } from './request-context.ts';
import type { Arrival, Filter, Handler, RequestContext, RequestObserver } from './request-context.ts';
import { requestInfoOf } from './request-info.ts';
import { indexPaths } from './index-path.ts';
import { makeResources } from './resources.ts';

export interface AppOptions {
  /** The kinds that are served just now. */
  catalog: Catalog;
  verbs: Verbs;
  env: Env;
  authenticate: Authenticator;
  authorize: Authorizer;
  /** Of paths that name no resource: those with a handler, by the path to the letter; and documents. */
  paths: ReadonlyMap<string, Handler>;
  documents: AnsweredPaths['documents'] & { readonly paths: readonly string[] };
  /** By `plural/subresource`: those that are no objects, such as `pods/log`. */
  handlers?: ReadonlyMap<string, SubresourceHandler>;
  /** By `plural/subresource`: those that take the connection over, such as `pods/exec`. */
  upgrades?: ReadonlyMap<string, UpgradeHandler>;
  /** Around what follows once it is known who asks, and before that one is taken for another. */
  audit?: Filter;
  /** Around what follows once it is known whom the request is taken for, and before that one's rights are judged. */
  flowControl?: Filter;
  /** They hear of each request in this order. */
  observers?: readonly RequestObserver[];
}

export interface App {
  /** By version of HTTP, what the server is to make requests and answers of. */
  classes: { [version in keyof Bridges]: Pick<Bridges[version], 'Request' | 'Response'> };
  /** For requests by HTTP/1.1 and by HTTP/2. */
  listener(request: Request, response: Response): void;
  /** Whether the request is to something that speaks another protocol on its connection, if a client wishes. */
  takesOver(request: Request): boolean;
  /** For requests to do so. */
  upgrade(request: Request, socket: Duplex, head: Buffer): void;
  /** Resolves when no request is under way but such as stay open by nature. */
  quiet(): Promise<void>;
  /** Ends watches, those too that begin from now on. */
  endWatches(): void;
}

export function buildApp(options: AppOptions): App {
  const { catalog, env, authenticate, authorize } = options;
  const resources = makeResources(options, options.handlers ?? new Map(), options.upgrades ?? new Map());
  const paths = new Map([...options.paths, ...indexPaths([...options.paths.keys(), ...options.documents.paths])]);
  const observer = allOf(options.observers ?? []);

  const handle = chain(
    [
      withDeadline(env),
      withAuthentication(authenticate),
      options.audit ?? passOn,
      withImpersonation(authorize),
      options.flowControl ?? passOn,
      tellServed(observer),
      withAuthorization(authorize),
    ],
    serveRoutes(
      resources,
      serveAnsweredPaths({
        handlers: paths,
        documents: options.documents,
        hasGroup: (group) => catalog.kinds.some((kind) => kind.group === group),
        now: () => env.now(),
      }),
    ),
  );

  const isUpgradable = ({ request, route, info }: RequestContext) =>
    route !== undefined &&
    (options.upgrades?.has(`${route.kind.plural}/${route.subresource}`) ||
      (info.verb === 'watch' && route.subresource === '' && wantsWebSocket(request)));

  /** Serves the request to its end. Never rejects: failures are answered, or end the connection. */
  const run = async (context: RequestContext): Promise<void> => {
    try {
      await handle(context);
    } catch (error) {
      const { response, upgrade } = context;
      context.failure = asApiError(error, env.log);
      if (response) return sendError(response, context.failure);
      context.code = context.failure.code;
      refuseUpgrade(upgrade!.socket, context.failure);
    }
  };

  const bridges = makeBridges(observer);
  for (const { app } of [bridges[1], bridges[2]]) {
    app.use((_request: ExpressRequest, response: ExpressResponse) => run(contextOf(response)!));
  }

  /** Undefined for a path that nobody can read. */
  const begin = (arrival: Pick<Arrival, 'request' | 'response' | 'upgrade'>): RequestContext | undefined => {
    const { request } = arrival;
    const { path, query } = split(request.url ?? '/');
    try {
      const info = requestInfoOf(request.method ?? '', path, query);
      const auditId = auditIdOf(request) ?? env.uuid();
      const ownPath = paths.has(info.path) ? info.path : '';
      return makeRequestContext({ ...arrival, info, ownPath, query, auditId, startedAtMs: env.monotonic() }, catalog);
    } catch (error) {
      if (error instanceof URIError) return undefined;
      throw error;
    }
  };

  let underWay = 0;
  let onQuiet: (() => void)[] = [];
  const leave = () => {
    if (--underWay > 0) return;
    for (const tell of onQuiet) tell();
    onQuiet = [];
  };

  const end = (context: RequestContext) => {
    context.isOver = true;
    observer.onEnd(context);
  };

  return {
    classes: bridges,
    listener(request, response) {
      const context = begin({ request, response });
      if (!context) return sendText(response, 400, '400 Bad Request');
      response.setHeader('audit-id', context.auditId);
      setContext(response, context);
      if (!context.isLongRunning) underWay++;
      response.once('close', () => {
        end(context);
        if (!context.isLongRunning) leave();
      });
      observer.onRequest(context);
      bridges[request.httpVersionMajor === 2 ? 2 : 1].app(request, response);
    },
    takesOver(request) {
      const context = begin({ request });
      return context !== undefined && isUpgradable(context);
    },
    upgrade(request, socket, head) {
      socket.on('error', (error) => env.log.debug('An upgraded connection failed', { error }));
      const context = begin({ request, upgrade: { socket, head } });
      if (!context) return void socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n');
      onceAgreed(socket, () => {
        context.code = 101;
        observer.onAnswer(context);
      });
      socket.once('close', () => end(context));
      observer.onRequest(context);
      void run(context);
    },
    quiet: () => (underWay === 0 ? Promise.resolve() : new Promise((resolve) => onQuiet.push(resolve))),
    endWatches: () => resources.endWatches(),
  };
}

/** Everything that has passed the filters. */
function serveRoutes(resources: ReturnType<typeof makeResources>, otherwise: Handler): Handler {
  return (context) => {
    const { request, response, upgrade, query, caller, route } = context;
    if (!route) return otherwise(context);
    if (response) return resources.serve({ request, response, route, query, caller, context });
    if (upgrade) return resources.upgrade({ request, ...upgrade, route, query, caller, context });
    throw notAllowed();
  };
}

const passOn: Filter = (next) => next;

const tellServed =
  ({ onServe }: Required<RequestObserver>): Filter =>
  (next) =>
  (context) => {
    context.isServed = true;
    onServe(context);
    return next(context);
  };

function wantsWebSocket({ headers }: Request): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket';
}

/** The name that a client gives its request. */
function auditIdOf({ headers }: Request): string | undefined {
  const given = headers['audit-id'];
  return typeof given === 'string' && /^[\w-]{1,64}$/.test(given) ? given : undefined;
}

function split(url: string): { path: string; query: URLSearchParams } {
  const at = url.indexOf('?');
  return at < 0
    ? { path: url, query: new URLSearchParams() }
    : { path: url.slice(0, at), query: new URLSearchParams(url.slice(at + 1)) };
}

/** Calls `run` when the server agrees to another protocol, which whoever takes the connection over writes itself. */
function onceAgreed(socket: Duplex, run: () => void): void {
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  socket.write = ((chunk: unknown, ...args: unknown[]) => {
    delete (socket as { write?: unknown }).write;
    if (String(chunk).startsWith('HTTP/1.1 101 ')) run();
    return write(chunk, ...args);
  }) as typeof socket.write;
}
