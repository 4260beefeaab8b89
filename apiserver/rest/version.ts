/** `/version`: what clients compare their own with. */
import { sendValue } from './answer.ts';
import { notAllowed } from './answered-paths.ts';
import type { Handler } from './request-context.ts';

export const version = {
  major: '1',
  minor: '32',
  gitVersion: 'v1.32.0+wherry',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: 'node',
  platform: `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
};

const json = { format: 'json', shape: 'object', version: 'v1' } as const;

const sendVersion: Handler = async ({ request, response }) => {
  if (request.method !== 'GET') throw notAllowed();
  sendValue(response!, 200, version, json, true);
};

/** By path. */
export const versionPaths: ReadonlyMap<string, Handler> = new Map([
  ['/version', sendVersion],
  ['/version/', sendVersion],
]);
