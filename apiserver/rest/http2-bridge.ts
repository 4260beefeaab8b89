/**
 * Express over HTTP/1.1 and HTTP/2. Express gives each request and answer a prototype that inherits from those of HTTP/1; over HTTP/2 its helpers
 * must inherit from Node's compatibility classes instead, or every access to the stream fails.
 */
import { IncomingMessage, ServerResponse } from 'node:http';
import { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import express from 'express';
import { observed } from './observed-response.ts';
import type { RequestObserver } from './request-context.ts';

/** An Express application; `version` is that of the HTTP its requests come by. */
export function makeExpress(version: 1 | 2, observer: Required<RequestObserver>): express.Application {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set('query parser', false);
  const [request, response] =
    version === 1
      ? [IncomingMessage.prototype, observed(ServerResponse.prototype, observer, 'apart')]
      : [Http2ServerRequest.prototype, observed(Http2ServerResponse.prototype, observer, 'by write')];
  app.request = rebuilt(express.request, request, app);
  app.response = rebuilt(express.response, response, app);
  return app;
}

/** The helpers of `source` on top of `base`. */
function rebuilt<T extends object>(source: T, base: object, app: express.Application): T {
  const helpers = Object.create(base, Object.getOwnPropertyDescriptors(source)) as T;
  return Object.create(helpers, {
    app: { configurable: true, enumerable: true, writable: true, value: app },
  }) as T;
}
