/** `/healthz`, `/livez` and `/readyz`, as upstream's `server/healthz`. */
import type { Env } from '#lib/env/env.ts';
import { sendText } from './answered-paths.ts';
import type { Handler } from './request-context.ts';

/** It throws when unhealthy. */
export type Check = () => Promise<void>;

/** By name, in the order in which they are told. */
export type Checks = Readonly<Record<string, Check>>;

/** A check that takes longer has failed: whoever asks does not wait long either. */
const checkLimitMs = 2000;

/** What answers at the endpoint, such as `readyz`, and for each of its checks alone at `readyz/<name>`, by path. `onResult` hears of those of the endpoint. */
export function healthPaths(
  endpoint: string,
  checks: Checks,
  env: Env,
  onResult: (endpoint: string, check: string, isHealthy: boolean) => void,
): Map<string, Handler> {
  const tell = (check: string, isHealthy: boolean) => onResult(endpoint, check, isHealthy);
  const paths = new Map<string, Handler>([[`/${endpoint}`, reportAll(endpoint, checks, env, tell)]]);
  for (const [name, check] of Object.entries(checks)) paths.set(`/${endpoint}/${name}`, reportOne(check, env));
  return paths;
}

/** `?verbose` tells each result, `?exclude=<name>` leaves one out. Why one failed is told to who may ask for it alone. */
function reportAll(
  endpoint: string,
  checks: Checks,
  env: Env,
  tell: (check: string, isHealthy: boolean) => void,
): Handler {
  return async ({ response, query }) => {
    const excluded = new Set(query.getAll('exclude'));
    const failures: Record<string, unknown> = {};
    const lines = await Promise.all(
      Object.entries(checks).map(async ([name, check]) => {
        if (excluded.delete(name)) return `[+]${name} excluded: ok\n`;
        const failure = await failureOf(check, env);
        tell(name, failure === undefined);
        if (failure === undefined) return `[+]${name} ok\n`;
        failures[name] = failure;
        return `[-]${name} failed: reason withheld\n`;
      }),
    );
    if (excluded.size > 0) {
      const names = [...excluded].sort().map((name) => JSON.stringify(name));
      lines.push(`warn: some health checks cannot be excluded: no matches for ${names.join(', ')}\n`);
    }
    const isHealthy = Object.keys(failures).length === 0;
    if (!isHealthy) {
      env.log.info('A health check failed', { endpoint, ...failures });
      return sendText(response!, 500, `${lines.join('')}${endpoint} check failed\n`);
    }
    sendText(response!, 200, query.has('verbose') ? `${lines.join('')}${endpoint} check passed\n` : 'ok');
  };
}

function reportOne(check: Check, env: Env): Handler {
  return async ({ response }) => {
    const failure = await failureOf(check, env);
    if (failure === undefined) sendText(response!, 200, 'ok');
    else sendText(response!, 500, `internal server error: ${failure}\n`);
  };
}

/** Why the check fails; undefined when it does not. */
export async function failureOf(check: Check, env: Env): Promise<string | undefined> {
  const over = new AbortController();
  const late = env.sleep(checkLimitMs, over.signal).then(() => {
    throw new Error(`no answer within ${checkLimitMs} ms`);
  });
  try {
    await Promise.race([check(), late]);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    late.catch(() => {});
    over.abort();
  }
}
