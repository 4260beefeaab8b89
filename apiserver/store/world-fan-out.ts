/** Delivers the world's events to its subscribers, in order and at once. An event looks up its folders, not its audience. */
import type { Log } from '#lib/env/log.ts';
import { foldersOf } from './world-index.ts';
import type { Subscription, WorldEvent } from './world-types.ts';

export interface Handlers {
  onEvents(events: readonly WorldEvent[], revision: bigint): void;
  onLost(error: Error): void;
}

export interface FanOut {
  /** `missed` is delivered first, before this returns. */
  add(prefixes: readonly string[], handlers: Handlers, missed: readonly WorldEvent[], revision: bigint): Subscription;
  deliver(events: readonly WorldEvent[], revision: bigint): void;
  /** Ends all subscriptions. */
  lose(error: Error): void;
}

interface Subscriber {
  prefixes: readonly string[];
  handlers: Handlers;
  /** Its events of the batch that is being delivered. */
  batch: WorldEvent[];
  open: boolean;
}

const none: readonly WorldEvent[] = [];

export function makeFanOut(log: Log): FanOut {
  const all = new Set<Subscriber>();
  const byPrefix = new Map<string, Set<Subscriber>>();

  const remove = (subscriber: Subscriber) => {
    subscriber.open = false;
    all.delete(subscriber);
    for (const prefix of subscriber.prefixes) {
      const set = byPrefix.get(prefix);
      set?.delete(subscriber);
      if (set?.size === 0) byPrefix.delete(prefix);
    }
  };
  const hand = (subscriber: Subscriber, events: readonly WorldEvent[], revision: bigint) => {
    try {
      subscriber.handlers.onEvents(events, revision);
    } catch (error) {
      // A subscriber's fault must not keep events from the others; it may have missed some, so it is over for it.
      log.error('A watcher failed and is dropped', { error });
      remove(subscriber);
      subscriber.handlers.onLost(error as Error);
    }
  };

  return {
    add(prefixes, handlers, missed, revision) {
      const subscriber: Subscriber = { prefixes, handlers, batch: [], open: true };
      if (missed.length > 0) {
        const wanted = missed.filter(({ entry }) => prefixes.some((prefix) => entry.key.startsWith(prefix)));
        handlers.onEvents(wanted, revision);
      }
      all.add(subscriber);
      for (const prefix of prefixes) {
        const set = byPrefix.get(prefix);
        if (set) set.add(subscriber);
        else byPrefix.set(prefix, new Set([subscriber]));
      }
      return { close: () => remove(subscriber) };
    },
    deliver(events, revision) {
      for (const event of events) {
        for (const folder of foldersOf(event.entry.key)) {
          for (const { batch } of byPrefix.get(folder) ?? []) if (batch.at(-1) !== event) batch.push(event);
        }
      }
      // Who joins meanwhile begins after this batch, and who leaves gets none of it.
      for (const subscriber of [...all]) {
        const { batch } = subscriber;
        if (batch.length > 0) subscriber.batch = [];
        if (subscriber.open) hand(subscriber, batch.length > 0 ? batch : none, revision);
      }
    },
    lose(error) {
      for (const subscriber of [...all]) {
        remove(subscriber);
        subscriber.handlers.onLost(error);
      }
    },
  };
}
