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

/** Occurrences beyond this many unwritten ones are dropped, with a line in the log. */
const queueLimit = 1000;
const attempts = 12;
const retryMs = 10_000;

/** Makes the recorder of a component; its name becomes the events' `source.component`. */
export function makeRecorder(component: string, client: Client, env: Env): Recorder {
  const correlator = makeCorrelator(component);
  const stopping = new AbortController();
  let unwritten: { occurrence: Occurrence; now: number }[] = [];
  let writing = false;

  async function writeAll(): Promise<void> {
    while (unwritten.length > 0 && !stopping.signal.aborted) {
      const batch = unwritten;
      unwritten = [];
      for (const { occurrence, now } of batch) {
        const correlated = correlator.correlate(occurrence, now);
        if (correlated) await writePatiently(correlated);
        if (stopping.signal.aborted) break;
      }
    }
    writing = false;
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
      if (unwritten.length >= queueLimit) {
        env.log.warn('Event dropped: too many unwritten', { component, reason: occurrence.reason });
        return;
      }
      unwritten.push({ occurrence, now: env.now() });
      if (writing) return;
      writing = true;
      void writeAll();
    },
    stop() {
      stopping.abort(new Error('The recorder stops'));
      unwritten = [];
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
