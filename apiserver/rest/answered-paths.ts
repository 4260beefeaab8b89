/** Requests to paths that name no resource: health, discovery, OpenAPI, metrics, and whatever else has a path of its own. */
import { ApiError } from '#lib/meta/errors.ts';
import { sendBytes } from './answer.ts';
import type { Response } from './answer.ts';
import type { Handler } from './request-context.ts';
import { sendDocument, type Document } from './send-document.ts';

export interface AnsweredPaths {
  /** By path, to the letter. */
  handlers: ReadonlyMap<string, Handler>;
  /** The document at a path, in a form that the Accept header allows; undefined when there is none. */
  documents(path: string, accept: string): Document | undefined;
  /** Whether a group is served; '' is the core. */
  hasGroup(group: string): boolean;
  /** Milliseconds since the epoch. */
  now(): number;
}

/** Answers as upstream's mux does: a path that nothing is under is told in plain text, one under an API that is served by a Status. */
export function serveAnsweredPaths({ handlers, documents, hasGroup, now }: AnsweredPaths): Handler {
  return async (context) => {
    const { request, response, info, query } = context;
    const { path } = info;
    if (!response) throw unknownResource();
    const handler = handlers.get(path);
    if (handler) return handler(context);
    const isApi = isUnderApi(path, hasGroup);
    const document = documents(path, request.headers.accept ?? '');
    if (!document) {
      if (isApi) throw unknownResource();
      return sendText(response, 404, '404 page not found\n');
    }
    if (isApi && request.method !== 'GET') throw notAllowed();
    sendDocument(request, response, document, query, now());
  };
}

/** Answers plain text, as Go's `http.Error`. */
export function sendText(response: Response, code: number, text: string): void {
  response.setHeader('x-content-type-options', 'nosniff');
  sendBytes(response, code, 'text/plain; charset=utf-8', Buffer.from(text));
}

const unknownResource = () => new ApiError('NotFound', 'the server could not find the requested resource', {});

export const notAllowed = () =>
  new ApiError('MethodNotAllowed', 'the server does not allow this method on the requested resource', {});

/** Whether upstream's REST container is asked about the path, and not the plain mux. */
function isUnderApi(path: string, hasGroup: (group: string) => boolean): boolean {
  const [, root, group, ...rest] = path.split('/');
  if (root === 'api' || root === 'version') return true;
  if (root !== 'apis') return false;
  return group === undefined || (group === '' ? rest.length === 0 : hasGroup(group));
}
