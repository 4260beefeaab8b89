/**
 * The shell that runs every controller: changes of the view become keys, a worker takes a key, the controller looks and decides,
 * the shell acts. A key stays with its worker until the view has seen what was written, so no decision is ever made on a world
 * that lacks our own last step.
 */
import type { Client, View, ViewChange } from '#lib/client/types.ts';
import type { Env } from '#lib/env/env.ts';
import type { Service } from '#lib/env/service.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { isReason } from '#lib/meta/errors.ts';
import type { Resource } from '#lib/meta/object.ts';
import { makeRecorder } from './events.ts';
import { perform } from './perform.ts';
import type { Hands, Outcome } from './perform.ts';
import { makeWorkQueue } from './queue.ts';
import type { Action, Failure, Job, WorkQueue } from './types.ts';

/** Which keys a change of one kind concerns. Called with the object before and after, so both old and new relations wake up. */
export interface Watch {
  /** Every kind of the view when absent. */
  kind?: Kind;
  keys(object: Resource, view: View): readonly string[];
  /** Whether a change matters at all; every change does when absent. */
  matters?(change: ViewChange): boolean;
}

/** Everything a controller may look at while it gathers what it decides on. */
export interface World {
  view: View;
  /** For the few questions that a view must not answer; no writes. */
  client: Client;
  /** Milliseconds since the epoch. */
  now: number;
}

/** A controller: what wakes it, what it sees, what it decides. Only `see` may wait, and `decide` is pure. */
export interface Controller<Seen = unknown> {
  /** As upstream names it, such as `deployment-controller`: the source of its events. */
  name: string;
  /** Keys worked on side by side; 5 when absent. */
  workers?: number;
  watches: readonly Watch[];
  /** What there is to decide on for this key; undefined when nothing. */
  see(key: string, world: World): Seen | undefined | Promise<Seen | undefined>;
  decide(seen: Seen): Action[];
  /** What to tell, in status or events, when actions of decide() failed. */
  failed?(seen: Seen, failures: readonly Failure[]): Action[];
}

export interface Shell {
  view: View;
  client: Client;
  env: Env;
  /** Opens another queue than the one in this process. */
  openQueue?(name: string, source: { revision(): bigint; resync(): void }): WorkQueue;
}

/** A view this far behind our own write is worth a line in the log. */
const slowViewMs = 10_000;

/** A watch on one kind, typed. */
export function watch<T extends Resource>(
  kind: Kind<T>,
  keys: (object: T, view: View) => readonly string[],
  matters?: (change: ViewChange<T>) => boolean,
): Watch {
  return { kind, keys, ...(matters && { matters }) };
}

/** A watch on every kind of the view, whichever these are just now. */
export function watchAll(
  keys: (object: Resource, view: View) => readonly string[],
  matters?: (change: ViewChange) => boolean,
): Watch {
  return { keys, ...(matters && { matters }) };
}

/** Runs a controller until stopped. Starts once the view is complete. */
export function runController(controller: Controller, { view, client, env: outer, openQueue }: Shell): Service {
  const env = { ...outer, log: outer.log.with({ controller: controller.name }) };
  const recorder = makeRecorder(controller.name, client, env);
  const hands: Hands = { client, record: recorder.record };
  const watches = Map.groupBy(controller.watches, ({ kind }) => (kind ? kindKey(kind) : everyKind));
  const watchesOf = (kind: Kind) => [...(watches.get(kindKey(kind)) ?? []), ...(watches.get(everyKind) ?? [])];
  const stopping = new AbortController();

  function resync(): void {
    if (view.revision === 0n) return;
    for (const { kind, keys } of controller.watches) {
      for (const each of kind ? [kind] : view.kinds) {
        for (const object of view.list(each)) for (const key of keys(object, view)) queue.add(key);
      }
    }
  }

  function onChange(changes: readonly ViewChange[]): void {
    for (const change of changes) {
      for (const { keys, matters } of watchesOf(change.kind)) {
        if (matters && !matters(change)) continue;
        if (change.before) for (const key of keys(change.before, view)) queue.add(key);
        if (change.object) for (const key of keys(change.object, view)) queue.add(key);
      }
    }
  }

  async function process(job: Job): Promise<void> {
    try {
      await view.waitFor(job.after, job.signal);
      await turn(job);
    } catch (error) {
      if (!(error instanceof Retry) && !job.signal.aborted)
        env.log.error('Reconciling failed', { key: job.key, error });
      throw error;
    }
  }

  async function turn(job: Job): Promise<void> {
    const seen = await controller.see(job.key, { view, client, now: env.now() });
    if (seen === undefined) return;
    const first = await perform(controller.decide(seen), hands);
    await hold(first, job);
    if (first.failures.length === 0) {
      if (first.wakeMs !== undefined) queue.addAfter(job.key, first.wakeMs);
      return;
    }
    logFailures(job.key, first.failures);
    await hold(await perform(controller.failed?.(seen, first.failures) ?? [], hands), job);
    throw new Retry();
  }

  /** Waits until the view has seen what was written, or may have been. */
  async function hold(outcome: Outcome, { key, signal, wrote }: Job): Promise<void> {
    let { revision } = outcome;
    const unsure = outcome.unsure ? outcome.failures[0]?.action : undefined;
    if (unsure && 'kind' in unsure) {
      // Whatever the lost answer was, it is decided by now: a list is as new as anything acknowledged or done before.
      const { resourceVersion } = await client.list(unsure.kind, { limit: 1 });
      revision = BigInt(resourceVersion);
    }
    if (revision <= view.revision) return;
    wrote(revision);
    const cancel = env.after(slowViewMs, () =>
      env.log.warn('The view has not seen our write yet', { key, revision, view: view.revision }),
    );
    await view.waitFor(revision, signal).finally(cancel);
  }

  function logFailures(key: string, failures: readonly Failure[]): void {
    // A lost race is ordinary: the next turn sees who won.
    const real = failures.filter(({ error }) => !isReason(error, 'Conflict', 'NotFound', 'AlreadyExists'));
    for (const { action, error } of real.slice(0, 1))
      env.log.warn('Action failed, trying again', { key, action: action.do, failures: real.length, error });
  }

  const source = { revision: () => view.revision, resync };
  const queue = openQueue?.(controller.name, source) ?? makeWorkQueue(env);
  const stopListening = view.onChange(onChange);
  const started = view.ready(stopping.signal).then(
    () => {
      resync();
      queue.run(controller.workers ?? 5, process);
    },
    (error: unknown) => {
      if (!stopping.signal.aborted) env.log.error('Cannot start: the view failed', { error });
    },
  );
  return {
    async stop() {
      stopping.abort(new Error('The controller stops'));
      stopListening();
      await started;
      await queue.stop();
      recorder.stop();
    },
  };
}

/** Sends a key back to the queue after its failures have been told. */
class Retry extends Error {
  override readonly name = 'Retry';
}

const everyKind = '*';

function kindKey({ apiVersion, kind }: Kind): string {
  return `${apiVersion}/${kind}`;
}
