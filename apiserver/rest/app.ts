/** The REST front: authenticates, then sends each path to what answers it. */
import type { NextFunction, Request as ExpressRequest, Response as ExpressResponse } from 'express';
import type { Application } from 'express';
import type { Env } from '#lib/env/env.ts';
import { ApiError } from '#lib/meta/errors.ts';
import type { Authenticator } from '../auth/authenticate.ts';
import type { Verbs } from '../verbs/types.ts';
import { sendBytes, sendError, sendValue } from './answer.ts';
import type { Request, Response } from './answer.ts';
import type { Exchange } from './exchange.ts';
import { isPublic, serveHealth, version } from './health.ts';
import type { Check } from './health.ts';
import { makeExpress } from './http2-bridge.ts';
import { mediaTypes } from './negotiate.ts';
import { makeResources } from './resources.ts';
import type { SubresourceHandler } from './resources.ts';
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
  checks: Readonly<Record<string, Check>>;
  /** The document at a path, in a form that the Accept header allows; undefined when there is none. */
  documents(path: string, accept: string): Document | undefined;
  /** By `plural/subresource`: those that are no objects, such as `pods/log`. */
  handlers?: ReadonlyMap<string, SubresourceHandler>;
}

export interface App {
  /** For requests by HTTP/1.1 and by HTTP/2. */
  listener(request: Request, response: Response): void;
  /** Who asks for an upgrade of the connection, and for what; throws what the client is to be told. */
  openExchange(request: Request): Promise<Omit<Exchange, 'response'>>;
  endWatches(): void;
}

export function buildApp(options: AppOptions): App {
  const { env, authenticate } = options;
  const resources = makeResources(options, options.handlers ?? new Map());

  const serve = async (request: Request, response: Response) => {
    const { path, query } = split(request.url ?? '/');
    if (isPublic(path)) {
      if (await serveHealth(response, path, query, options.checks)) return;
      if (path.startsWith('/version')) return sendValue(response, 200, version, json, true);
    }
    const caller = await authenticate(request);
    if (!caller) throw unauthorized();
    const route = routeOf(path);
    if (route) return resources.serve({ request, response, route, query, caller });
    if (request.method === 'GET' || request.method === 'HEAD') {
      const document = options.documents(path, request.headers.accept ?? '');
      if (document) return sendDocument(request, response, document);
    }
    throw new ApiError('NotFound', 'the server could not find the requested resource', {});
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
      apps[request.httpVersionMajor === 2 ? 2 : 1](request, response);
    },
    async openExchange(request) {
      const { path, query } = split(request.url ?? '/');
      const caller = await authenticate(request);
      if (!caller) throw unauthorized();
      const route = routeOf(path);
      if (!route) throw new ApiError('NotFound', 'the server could not find the requested resource', {});
      return { request, route, query, caller };
    },
    endWatches: () => resources.endWatches(),
  };
}

const json = { format: 'json', shape: 'object', version: 'v1' } as const;

const unauthorized = () => new ApiError('Unauthorized', 'Unauthorized');

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
