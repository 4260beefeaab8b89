/** Health and version: what anyone may ask. */
import type { Env } from '#lib/env/env.ts';
import type { Response } from './answer.ts';
import { sendBytes } from './answer.ts';

/** A named check; it throws when unhealthy. */
export type Check = () => Promise<void>;

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

/** A check that takes longer has failed: whoever asks does not wait long either. */
const checkLimitMs = 2000;

const endpoints = ['healthz', 'livez', 'readyz'];

/** Answers `/healthz`, `/readyz?verbose`, `/livez/ping` and the like; false for any other path. */
export async function serveHealth(
  response: Response,
  path: string,
  query: URLSearchParams,
  checks: Readonly<Record<string, Check>>,
  env: Env,
): Promise<boolean> {
  const [, endpoint = '', only, extra] = path.replace(/\/$/, '').split('/');
  if (!endpoints.includes(endpoint) || extra !== undefined) return false;
  if (only !== undefined && !Object.hasOwn(checks, only)) return false;
  const excluded = new Set(query.getAll('exclude'));
  const chosen = Object.entries(checks).filter(([name]) => (only === undefined ? !excluded.has(name) : name === only));
  const results = await Promise.all(
    chosen.map(async ([name, check]) => {
      try {
        await Promise.race([
          check(),
          env.sleep(checkLimitMs).then(() => Promise.reject(new Error('no answer in time'))),
        ]);
        return { name, ok: true };
      } catch {
        return { name, ok: false };
      }
    }),
  );
  const healthy = results.every((result) => result.ok);
  const lines = results.map(({ name, ok }) => (ok ? `[+]${name} ok\n` : `[-]${name} failed: reason withheld\n`));
  const text =
    !healthy || (query.has('verbose') && only === undefined)
      ? `${lines.join('')}${endpoint} check ${healthy ? 'passed' : 'failed'}\n`
      : 'ok';
  sendBytes(response, healthy ? 200 : 500, 'text/plain; charset=utf-8', Buffer.from(text));
  return true;
}
