/** postStart and preStop hooks. */
import type { Env } from '#lib/env/env.ts';
import type { LifecycleHandler, Pod } from '#lib/kinds/gen/core-v1.ts';
import type { AnyContainer } from '../lifecycle/types.ts';
import type { Executor } from '../runtime/types.ts';
import { tryHttp } from './actions.ts';
import { httpTarget } from './target.ts';

export interface HookTarget {
  pod: Pod;
  spec: AnyContainer;
  id: string;
  ips: readonly string[];
}

export interface HookRunner {
  /** Runs the hook to its end; rejects when it fails or the signal aborts. */
  run(hook: LifecycleHandler, target: HookTarget, signal: AbortSignal): Promise<void>;
}

/** A hook has no timeout of its own: this is longer than any grace period. */
const execLimitMs = 24 * 3600_000;
/** Upstream's client for httpGet hooks. */
const httpLimitMs = 30_000;

export function makeHookRunner(executor: Pick<Executor, 'execSync'>, env: Env): HookRunner {
  async function runHook(hook: LifecycleHandler, { spec, id, ips }: HookTarget, signal: AbortSignal): Promise<void> {
    if (hook.exec) {
      const { exitCode, output } = await executor.execSync(id, hook.exec.command ?? [], execLimitMs);
      if (exitCode !== 0) throw new Error(`command exited with ${exitCode}: ${output}`);
    } else if (hook.httpGet) {
      const target = httpTarget(hook.httpGet, spec, ips[0] ?? '127.0.0.1', 'kube-lifecycle/1.32');
      const { result, output } = await tryHttp(target, httpLimitMs, env);
      if (result !== 'success') throw new Error(output);
    } else if (hook.sleep) {
      await env.sleep(hook.sleep.seconds * 1000, signal);
    }
  }
  return {
    async run(hook, target, signal) {
      signal.throwIfAborted();
      const aborted = new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      });
      await Promise.race([runHook(hook, target, signal), aborted]);
    },
  };
}
