/**
 * Express over HTTP/1.1 and HTTP/2. Express gives each request and answer a prototype that inherits from those of HTTP/1; over HTTP/2 its helpers
 * must inherit from Node's compatibility classes instead, or every access to the stream fails.
 */
import { IncomingMessage, ServerResponse } from 'node:http';
import { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import express from 'express';
import { observed } from './observed-response.ts';
import type { RequestObserver } from './request-context.ts';

/** An Express application for requests and answers of one version of HTTP, and the classes that the server is to make them of. */
export interface Bridge<Q, S> {
  app: express.Application;
  Request: Q;
  Response: S;
}

export interface Bridges {
  1: Bridge<typeof IncomingMessage, typeof ServerResponse>;
  2: Bridge<typeof Http2ServerRequest, typeof Http2ServerResponse>;
}

export function makeBridges(observer: Required<RequestObserver>): Bridges {
  return {
    1: bridge(IncomingMessage, ServerResponse, observed(ServerResponse.prototype, observer, 'apart')),
    2: bridge(Http2ServerRequest, Http2ServerResponse, observed(Http2ServerResponse.prototype, observer, 'by write')),
  };
}

type Class = abstract new (...args: never[]) => object;

/** `answers` is the prototype of `Response`, or inherits from it. */
function bridge<Q extends Class, S extends Class>(Request: Q, Response: S, answers: object): Bridge<Q, S> {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set('query parser', false);
  const bridged = {
    app,
    Request: withHelpers(Request, express.request, Request.prototype as object, app),
    Response: withHelpers(Response, express.response, answers, app),
  };
  app.request = bridged.Request.prototype as typeof app.request;
  app.response = bridged.Response.prototype as typeof app.response;
  return bridged;
}

/**
 * A class like `Base`, of objects that have the helpers of `source` on top of `base`. They have from the beginning the prototype that Express would give them: giving them
 * another costs more than all of the routing.
 */
function withHelpers<C extends Class>(Base: C, source: object, base: object, app: express.Application): C {
  const Own = class extends (Base as unknown as new (...args: unknown[]) => object) {};
  Object.setPrototypeOf(Own.prototype, Object.create(base, Object.getOwnPropertyDescriptors(source)) as object);
  Object.defineProperty(Own.prototype, 'app', { configurable: true, enumerable: true, writable: true, value: app });
  return Own as unknown as C;
}
