/** What a request to a path that names no resource we know attempts, as upstream's `endpoints/request/requestinfo.go`. */
import type { Attempt, PathAttempt } from './authorize.ts';

const verbs: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** Below a group's version lie resources, known or not; everything else is a path like any other. */
export function attemptAt(method: string, path: string): Attempt | PathAttempt {
  const parts = path.split('/').filter(Boolean);
  const root = parts.shift();
  const group = root === 'apis' ? parts.shift() : '';
  const isResource = (root === 'api' || root === 'apis') && parts.length >= 2;
  if (!isResource) return { verb: method.toLowerCase(), path };
  parts.shift();
  if (parts[0] === 'watch' || parts[0] === 'proxy') parts.shift();
  const within = parts[0] === 'namespaces' && parts.length > 1;
  const namespace = within ? parts[1]! : '';
  const [plural = '', name = '', subresource = ''] =
    within && parts.length > 2 && !['status', 'finalize'].includes(parts[2]!) ? parts.slice(2) : parts;
  const verb = verbs[method] ?? '';
  const onAll: Readonly<Record<string, string>> = { get: 'list', delete: 'deletecollection' };
  return {
    verb: name === '' ? (onAll[verb] ?? verb) : verb,
    group: group ?? '',
    plural,
    subresource,
    namespace,
    name,
  };
}
