/**
 * Express over HTTP/2. Express gives each request and answer a prototype that inherits from those of HTTP/1; over HTTP/2 its helpers must
 * inherit from Node's compatibility classes instead, or every access to the stream fails.
 */
import { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import express from 'express';

/** An Express application; `version` is that of the HTTP its requests come by. */
export function makeExpress(version: 1 | 2): express.Application {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set('query parser', false);
  if (version === 2) {
    app.request = rebuilt(express.request, Http2ServerRequest.prototype, app);
    app.response = rebuilt(express.response, Http2ServerResponse.prototype, app);
  }
  return app;
}

/** The helpers of `source` on top of `base`. */
function rebuilt<T extends object>(source: T, base: object, app: express.Application): T {
  const helpers = Object.create(base, Object.getOwnPropertyDescriptors(source)) as T;
  return Object.create(helpers, {
    app: { configurable: true, enumerable: true, writable: true, value: app },
  }) as T;
}
