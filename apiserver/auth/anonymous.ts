/** Who shows no credentials: they may learn that the cluster lives and which version it is, and nothing else, whatever roles say. */
import type { Caller } from '../verbs/types.ts';

export const anonymousName = 'system:anonymous';
export const unauthenticatedGroup = 'system:unauthenticated';

export const anonymous: Caller = { name: anonymousName, groups: [unauthenticatedGroup] };

/** The paths that are answered without knowing who asks. */
export function isPublic(path: string): boolean {
  return path === '/version' || path === '/version/' || /^\/(healthz|livez|readyz)(\/|$)/.test(path);
}
