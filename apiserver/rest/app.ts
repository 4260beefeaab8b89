/** The REST front: authenticates, then sends each path to what answers it. */
import type { Duplex } from 'node:stream';
import type { Application, NextFunction, Request as ExpressRequest, Response as ExpressResponse } from 'express';
import type { Env } from '#lib/env/env.ts';
import { ApiError } from '#lib/meta/errors.ts';
import { isPublic } from '../auth/anonymous.ts';
import type { Authenticator } from '../auth/authenticate.ts';
import { demandAttempt } from '../auth/authorize.ts';
import type { Authorizer } from '../auth/authorize.ts';
import { attemptAt } from '../auth/path-attempt.ts';
import type { Verbs } from '../verbs/types.ts';
import { refuseUpgrade, sendBytes, sendError, sendValue } from './answer.ts';
import type { Request, Response } from './answer.ts';
import type { SubresourceHandler, UpgradeHandler } from './exchange.ts';
import { serveHealth, version } from './health.ts';
import type { Check } from './health.ts';
import { makeExpress } from './http2-bridge.ts';
import { mediaTypes } from './negotiate.ts';
import { makeResources } from './resources.ts';
import { routeOf } from './route.ts';

/** A prepared answer: discovery, OpenAPI. */
export interface Document {
  contentType: string;
  body: Buffer;
  etag?: string;
}

export interface AppOptions {
  verbs: Verbs;
  env: Env;
  authenticate: Authenticator;
  authorize: Authorizer;
  checks: Readonly<Record<string, Check>>;
  /** The document at a path, in a form that the Accept header allows; undefined when there is none. */
  documents(path: string, accept: string): Document | undefined;
  /** By `plural/subresource`: those that are no objects, such as `pods/log`. */
  handlers?: ReadonlyMap<string, SubresourceHandler>;
  /** By `plural/subresource`: those that take the connection over, such as `pods/exec`. */
  upgrades?: ReadonlyMap<string, UpgradeHandler>;
}

export interface App {
  /** For requests by HTTP/1.1 and by HTTP/2. */
  listener(request: Request, response: Response): void;
  /** For requests to speak another protocol on their connection. */
  upgrade(request: Request, socket: Duplex, head: Buffer): void;
  endWatches(): void;
}

export function buildApp(options: AppOptions): App {
  const { env, authenticate, authorize } = options;
  const resources = makeResources(options, options.handlers ?? new Map(), options.upgrades ?? new Map());

  const serve = async (request: Request, response: Response) => {
    const { path, query } = split(request.url ?? '/');
    if (isPublic(path)) {
      if (await serveHealth(response, path, query, options.checks, env)) return;
      if (path.startsWith('/version')) return sendValue(response, 200, version, json, true);
    }
    const caller = await authenticate(request);
    const route = routeOf(path);
    if (route) return resources.serve({ request, response, route, query, caller });
    demandAttempt(authorize, caller, attemptAt(request.method ?? '', path));
    if (request.method === 'GET' || request.method === 'HEAD') {
      const document = options.documents(path, request.headers.accept ?? '');
      if (document) return sendDocument(request, response, document);
    }
    throw unknownPath();
  };

  const openUpgrade = async (request: Request, socket: Duplex, head: Buffer) => {
    const { path, query } = split(request.url ?? '/');
    const caller = await authenticate(request);
    const route = routeOf(path);
    if (!route) {
      demandAttempt(authorize, caller, attemptAt(request.method ?? '', path));
      throw unknownPath();
    }
    await resources.upgrade({ request, socket, head, route, query, caller });
  };

  const apps: Record<1 | 2, Application> = { 1: makeExpress(1), 2: makeExpress(2) };
  for (const app of Object.values(apps)) {
    app.use((request: ExpressRequest, response: ExpressResponse) => serve(request, response));
    // Express knows an error handler by its four parameters.
    app.use((error: unknown, _request: ExpressRequest, response: ExpressResponse, _next: NextFunction) => {
      sendError(response, error, env.log);
    });
  }

  return {
    listener(request, response) {
      response.setHeader('audit-id', auditIdOf(request) ?? env.uuid());
      apps[request.httpVersionMajor === 2 ? 2 : 1](request, response);
    },
    upgrade(request, socket, head) {
      socket.on('error', (error) => env.log.debug('An upgraded connection failed', { error }));
      openUpgrade(request, socket, head).catch((error: unknown) => refuseUpgrade(socket, error, env.log));
    },
    endWatches: () => resources.endWatches(),
  };
}

const json = { format: 'json', shape: 'object', version: 'v1' } as const;

const unknownPath = () => new ApiError('NotFound', 'the server could not find the requested resource', {});

/** The name that a client gives its request, by which both sides can find it. */
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

function sendDocument(request: Request, response: Response, { contentType, body, etag }: Document): void {
  if (etag !== undefined) {
    response.setHeader('etag', etag);
    response.setHeader('vary', 'Accept');
    if (request.headers['if-none-match'] === etag) {
      response.writeHead(304);
      response.end();
      return;
    }
  }
  sendBytes(response, 200, contentType || mediaTypes.json, body);
}
