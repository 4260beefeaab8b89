/** What a request attempts, as authorisation judges it. */
import type { RequestInfo } from '../rest/request-info.ts';
import type { Attempt, PathAttempt } from './authorize.ts';

/** Below a group's version lie resources, known or not; everything else is a path like any other. */
export function attemptOf(info: RequestInfo): Attempt | PathAttempt {
  const { verb, path, group, resource, subresource, namespace, name, fieldSelector } = info;
  if (!info.isResource) return { verb, path };
  return {
    verb,
    group,
    plural: resource,
    subresource,
    namespace,
    name,
    ...(fieldSelector !== '' && { fieldSelector }),
  };
}
