/** Records Events (core/v1) about objects, without ever holding up or failing the work they tell of. */
import type { Client } from '#lib/client/types.ts';
import type { Env } from '#lib/env/env.ts';
import { event } from '#lib/kinds/event.ts';
import { isReason } from '#lib/meta/errors.ts';
import { makeCorrelator } from './correlate.ts';
import type { Correlated, Occurrence } from './correlate.ts';

export interface Recorder {
  record(occurrence: Occurrence): void;
  /** Drops what has not been written yet. */
  stop(): void;
}

/** Events beyond this many unwritten ones are dropped, which the log tells of now and then. */
const queueLimit = 25_000;
/** Events written at a time, each of another object: those of one object are written in their order. */
const writers = 16;
const attempts = 12;
const retryMs = 10_000;
const tellDropsEachMs = 60_000;

/** Makes the recorder of a component; its name and host become the events' `source`. */
export function makeRecorder(component: string, client: Client, env: Env, host?: string): Recorder {
  const correlator = makeCorrelator(component, host);
  const stopping = new AbortController();
  /** By the name of the Event: what it should say, the latest only. */
  const unwritten = new Map<string, Correlated>();
  /** Objects of which an Event is being written. */
  const busy = new Set<string>();
  let dropped = 0;
  let toldAt = -Infinity;

  function writeNext(): void {
    for (const [name, correlated] of unwritten) {
      if (busy.size >= writers) return;
      const about = correlated.object.involvedObject.uid ?? name;
      if (busy.has(about)) continue;
      unwritten.delete(name);
      busy.add(about);
      void writePatiently(correlated).finally(() => {
        busy.delete(about);
        writeNext();
      });
    }
  }

  function drop(): void {
    dropped++;
    const now = env.monotonic();
    if (now - toldAt < tellDropsEachMs) return;
    env.log.warn('Events dropped: too many unwritten', { component, dropped });
    toldAt = now;
    dropped = 0;
  }

  /** An unreachable server is tried again; one that refuses has decided. */
  async function writePatiently(correlated: Correlated): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await write(correlated, client);
      } catch (error) {
        if (stopping.signal.aborted) return;
        const unreachable = isReason(error, 'ServiceUnavailable', 'Timeout', 'TooManyRequests');
        if (!unreachable || attempt === attempts) {
          const { reason, message, involvedObject } = correlated.object;
          // Objects of a namespace that is going keep causing events, which it no longer takes.
          const level = isReason(error, 'Forbidden', 'NotFound') ? 'debug' : 'warn';
          env.log[level]('Cannot record event', { component, reason, message, regarding: involvedObject.name, error });
          return;
        }
        await env.sleep(retryMs, stopping.signal).catch(() => {});
      }
    }
  }

  return {
    record(occurrence) {
      if (stopping.signal.aborted) return;
      const correlated = correlator.correlate(occurrence, env.now());
      if (!correlated) return;
      const name = `${correlated.object.metadata.namespace}/${correlated.object.metadata.name}`;
      const before = unwritten.get(name);
      if (!before && unwritten.size >= queueLimit) return drop();
      unwritten.set(name, before ? { ...correlated, known: before.known } : correlated);
      writeNext();
    },
    stop() {
      stopping.abort(new Error('The recorder stops'));
      unwritten.clear();
    },
  };
}

async function write({ object, known }: Correlated, client: Client): Promise<void> {
  if (known) {
    const { count, lastTimestamp, message } = object;
    const target = { namespace: object.metadata.namespace!, name: object.metadata.name! };
    try {
      await client.patch(event, target, 'application/merge-patch+json', { count, lastTimestamp, message });
      return;
    } catch (error) {
      // Events expire; a counted one that is gone starts again with its count.
      if (!isReason(error, 'NotFound')) throw error;
    }
  }
  await client.create(event, object);
}
