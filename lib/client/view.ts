/** A local copy of some kinds, kept up by one watch. See types.ts for what a View promises. */
import type { Env } from '#lib/env/env.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { Ref, Resource } from '#lib/meta/object.ts';
import { follow } from './follow.ts';
import type { Follower } from './follow.ts';
import type { Client, Indexes, View, ViewChange, WatchBatch, WatchTarget } from './types.ts';
import { makeViewState } from './view-state.ts';

export interface ViewOptions {
  indexes?: Indexes;
  env: Env;
  /** Ends the view: it stays as it is, and who waits is refused. */
  signal: AbortSignal;
  /** At most one batch per this time; 0 for at once. */
  batchMs?: number;
  /** Hears that a kind among the targets is not served, as long as it is not. */
  onUnserved?(): void;
}

/** A view whose kinds may change. */
export interface ChangingView extends View {
  /** Watches these from now on: of all of them the state is read anew, of which only what is new is told. */
  retarget(targets: readonly WatchTarget[]): void;
}

type Listener = (changes: readonly ViewChange[]) => void;

/** Starts a view over `targets`, each of another kind. */
export function makeView(
  client: Pick<Client, 'watch'>,
  first: readonly WatchTarget[],
  options: ViewOptions,
): ChangingView {
  const { env, signal, indexes = {} } = options;
  let targets = first;
  let kinds = kindsOf(targets);
  const state = makeViewState(kinds, indexes);
  const listeners = new Set<Listener>();
  const waiters = makeWaiters(signal);
  let revision = 0n;
  /** The state that is coming in, per target, until it is complete. */
  let incoming: Resource[][] | undefined;

  const changesOf = (batch: WatchBatch): ViewChange[] => {
    if (incoming) {
      for (const { target, object } of batch.events) incoming[target]!.push(object);
      if (!batch.synced) return [];
      const complete = incoming;
      incoming = undefined;
      return kinds.flatMap((kind, i) => state.replace(kind, complete[i]!));
    }
    return batch.events
      .map(({ type, target, object }) =>
        type === 'PUT' ? state.put(kinds[target]!, object) : state.remove(kinds[target]!, object),
      )
      .filter((change) => change !== undefined);
  };
  const apply = (batch: WatchBatch) => {
    const changes = changesOf(batch);
    if (incoming) return;
    revision = batch.revision;
    if (changes.length > 0) for (const listener of listeners) tell(listener, changes, env);
    waiters.reached(revision);
  };
  const restart = () => {
    incoming = targets.map(() => []);
  };
  let round = new AbortController();
  const run = () => {
    const own = (round = new AbortController());
    // What has come in of a former round is of other targets.
    const isNow = () => round === own;
    const follower: Follower = {
      restart: () => isNow() && restart(),
      apply: (batch) => isNow() && apply(batch),
    };
    // A fault in here is a fault of the program: it must end the process, not leave it with a view that stands still.
    void follow(client, targets, follower, { ...options, signal: AbortSignal.any([signal, own.signal]) });
  };
  run();

  return {
    get revision() {
      return revision;
    },
    get kinds() {
      return kinds;
    },
    retarget(next) {
      targets = next;
      kinds = kindsOf(next);
      state.setKinds(kinds);
      round.abort(new Error('Other kinds are watched now'));
      run();
    },
    get: <T extends Resource>(kind: Kind<T>, ref: Ref) => state.get(kind, ref) as T | undefined,
    list: <T extends Resource>(kind: Kind<T>, namespace?: string) => state.list(kind, namespace) as T[],
    byUid: state.byUid,
    indexed: <T extends Resource>(kind: Kind<T>, index: string, value: string) =>
      state.indexed(kind, index, value) as T[],
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    waitFor: (wanted, own) => (wanted <= revision && revision > 0n ? Promise.resolve() : waiters.wait(wanted, own)),
    ready: (own) => (revision > 0n ? Promise.resolve() : waiters.wait(1n, own)),
  };
}

/** Throws TypeError for a kind that is named twice. */
function kindsOf(targets: readonly WatchTarget[]): Kind[] {
  const names = targets.map(({ kind }) => `${kind.apiVersion}/${kind.plural}`);
  if (new Set(names).size < names.length) throw new TypeError(`Cannot watch a kind twice: ${names.join(', ')}`);
  return targets.map(({ kind }) => kind);
}

function tell(listener: Listener, changes: readonly ViewChange[], env: Env): void {
  try {
    listener(changes);
  } catch (error) {
    env.log.error('A listener of a view failed', { error });
  }
}

/** Those who wait for a revision. All are refused when `signal` aborts. */
function makeWaiters(signal: AbortSignal) {
  const waiting = new Set<{ revision: bigint; resolve: () => void }>();
  return {
    reached(revision: bigint) {
      for (const waiter of waiting) if (waiter.revision <= revision) waiter.resolve();
    },
    wait(revision: bigint, own?: AbortSignal): Promise<void> {
      const either = own ? AbortSignal.any([own, signal]) : signal;
      return new Promise((resolve, reject) => {
        const settle = (settled: () => void) => {
          waiting.delete(waiter);
          either.removeEventListener('abort', onAbort);
          settled();
        };
        const onAbort = () => settle(() => reject(reasonOf(either)));
        const waiter = { revision, resolve: () => settle(resolve) };
        if (either.aborted) return reject(reasonOf(either));
        waiting.add(waiter);
        either.addEventListener('abort', onAbort, { once: true });
      });
    },
  };
}

function reasonOf({ reason }: AbortSignal): Error {
  return reason instanceof Error ? reason : new Error('The view has ended', { cause: reason });
}
