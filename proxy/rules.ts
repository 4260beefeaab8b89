/** Keeps the node's rules like the Services: notes what changed, and applies it a moment later, all at once. */
import type { Env } from '#lib/env/env.ts';
import { equal } from '#lib/meta/equal.ts';
import { deleteFlows, staleFlows } from './flows.ts';
import type { StaleFlow } from './flows.ts';
import { makeNftTable } from './nft/apply.ts';
import { fragmentOf } from './nft/fragment.ts';
import type { Fragment } from './nft/fragment.ts';
import type { TableOptions } from './nft/render.ts';
import type { Route } from './view.ts';

export interface Rules {
  /** The routes of this Service may have changed. */
  note(service: string): void;
  /** Loads the table soon, though nothing may be noted: what an earlier proxy left must go. */
  load(): void;
  /** Resolves when what is being applied is. */
  stop(): Promise<void>;
}

/** Changes wait this long for company: an nft transaction costs much the same for one as for many. */
const gatherMs = 30;
const firstRetryMs = 200;
const longestRetryMs = 10_000;

/** Makes the rules; `routesOf` tells the routes of a Service as they are now. Nothing is applied before the first note. */
export function makeRules(options: TableOptions, routesOf: (service: string) => readonly Route[], env: Env): Rules {
  const table = makeNftTable(options, env);
  const noted = new Set<string>();
  /** Service -> its routes, as they are or are about to be applied. */
  const routes = new Map<string, readonly Route[]>();
  let fragments: ReadonlyMap<string, Fragment> = new Map();
  /** Keys of fragments that differ from what the table holds. */
  let changed = new Set<string>();
  let stale: StaleFlow[] = [];
  let retryMs = firstRetryMs;
  let cancelTimer: (() => void) | undefined;
  let applying: Promise<void> | undefined;
  let stopped = false;

  /** Applies after `delayMs`, with all that is noted until then. */
  function schedule(delayMs: number): void {
    if (stopped || applying || cancelTimer) return;
    cancelTimer = env.after(delayMs, () => {
      cancelTimer = undefined;
      applying = apply().then((delay) => {
        applying = undefined;
        if (delay !== undefined) schedule(delay);
      });
    });
  }

  /** The delay until the next application, if one is due. */
  async function apply(): Promise<number | undefined> {
    const next = new Map(fragments);
    for (const service of noted) update(service, next);
    noted.clear();
    fragments = next;
    try {
      const began = env.monotonic();
      await table.apply(fragments, changed);
      env.log.debug('Rules applied', { changed: changed.size, ms: Math.round(env.monotonic() - began) });
    } catch (error) {
      env.log.error('Cannot apply rules, trying again', { retryMs, error });
      const delay = retryMs;
      retryMs = Math.min(retryMs * 2, longestRetryMs);
      return delay;
    }
    retryMs = firstRetryMs;
    changed = new Set();
    const flows = stale;
    stale = [];
    await deleteFlows(flows, env);
    return noted.size > 0 ? gatherMs : undefined;
  }

  function update(service: string, next: Map<string, Fragment>): void {
    const before = new Map(routes.get(service)?.map((route) => [route.key, route]));
    const after = new Map(routesOf(service).map((route) => [route.key, route]));
    if (after.size > 0) routes.set(service, [...after.values()]);
    else routes.delete(service);
    for (const key of new Set([...before.keys(), ...after.keys()])) {
      const was = before.get(key);
      const is = after.get(key);
      if (equal(was, is)) continue;
      changed.add(key);
      stale.push(...staleFlows(was, is));
      if (is) next.set(key, fragmentOf(is, options.clusterCidr));
      else next.delete(key);
    }
  }

  return {
    load: () => schedule(gatherMs),
    note(service) {
      noted.add(service);
      schedule(gatherMs);
    },
    async stop() {
      stopped = true;
      cancelTimer?.();
      await applying;
    },
  };
}
