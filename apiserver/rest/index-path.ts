/** `/`: which paths there are, as upstream's `server/routes/index.go` tells it. */
import { sendBytes } from './answer.ts';
import { mediaTypes } from './negotiate.ts';
import type { Handler } from './request-context.ts';

const untold = /^\/(debug\/.*|(version|openid\/.*|\.well-known\/.*)\/$)/;

/** What answers, by path. Of `paths`, those for debugging and those that only lead to others are not told. */
export function indexPaths(paths: readonly string[]): Map<string, Handler> {
  const told = paths.filter((path) => !untold.test(path));
  const body = Buffer.from(JSON.stringify({ paths: [...new Set(told)].sort() }, null, 2));
  const sendIndex: Handler = async ({ response }) => sendBytes(response!, 200, mediaTypes.json, body);
  return new Map([
    ['/', sendIndex],
    ['/index.html', sendIndex],
  ]);
}
