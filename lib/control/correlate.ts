/**
 * Which Event an occurrence becomes: a new one, a higher count on one that is there, one that stands for many similar ones, or
 * none when an object causes too many. Rules and numbers are those of client-go's `tools/record` correlator.
 */
import type { Event } from '#lib/kinds/gen/core-v1.ts';
import type { Draft, Resource } from '#lib/meta/object.ts';
import { formatTime } from '#lib/meta/time.ts';
import { makeRecent } from './recent.ts';

/** How many objects, or sorts of events, are remembered. */
const remembered = 4096;
/** This many different messages of one sort within the interval, and they are told as one. */
const similarLimit = 10;
const similarWithinMs = 600_000;
/** An object may cause this many events at once, and one more in each refill time. */
const burst = 25;
const refillMs = 300_000;

export interface Occurrence {
  regarding: Resource;
  /** The part of the object it is about, such as `spec.containers{app}`. */
  fieldPath?: string;
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
  /** Of the Event itself. */
  annotations?: Record<string, string>;
}

/** Create `object`; with `known`, first try to raise the count of that Event. */
export interface Correlated {
  object: Draft<Event>;
  known: boolean;
}

export interface Correlator {
  /** What to write for this occurrence; undefined when it goes untold. */
  correlate(occurrence: Occurrence, now: number): Correlated | undefined;
}

interface Told {
  name: string;
  firstTimestamp: string;
  count: number;
}

/** Makes the correlator of one component, such as `deployment-controller`, on a host where that matters. */
export function makeCorrelator(component: string, host?: string): Correlator {
  const sorts = makeRecent<{ messages: Set<string>; lastMs: number }>(remembered);
  const tellings = makeRecent<Told>(remembered);
  const budgets = makeRecent<{ tokens: number; lastMs: number }>(remembered);

  /** The message and key of an occurrence, one for all its sort when there are many. */
  function aggregate(
    { message, fieldPath = '' }: Occurrence,
    sort: string,
    now: number,
  ): { message: string; key: string } {
    const before = sorts.get(sort);
    const seen =
      before && now - before.lastMs <= similarWithinMs ? before : { messages: new Set<string>(), lastMs: now };
    seen.lastMs = now;
    if (seen.messages.size < similarLimit) seen.messages.add(message);
    sorts.set(sort, seen);
    if (seen.messages.size < similarLimit) return { message, key: `${sort}\n${fieldPath}\n${message}` };
    return { message: `(combined from similar events): ${message}`, key: sort };
  }

  function spend(object: string, now: number): boolean {
    const before = budgets.get(object) ?? { tokens: burst, lastMs: now };
    const tokens = Math.min(burst, before.tokens + (now - before.lastMs) / refillMs);
    budgets.set(object, { tokens: tokens >= 1 ? tokens - 1 : tokens, lastMs: now });
    return tokens >= 1;
  }

  return {
    correlate(occurrence, now) {
      const { regarding, type, reason } = occurrence;
      const object = `${regarding.apiVersion}/${regarding.kind}/${regarding.metadata.uid}/${regarding.metadata.name}`;
      const { message, key } = aggregate(occurrence, `${object}\n${type}\n${reason}`, now);
      const time = formatTime(now);
      const before = tellings.get(key);
      const told: Told = before
        ? { ...before, count: before.count + 1 }
        : { name: eventName(regarding.metadata.name, now), firstTimestamp: time, count: 1 };
      tellings.set(key, told);
      if (!spend(object, now)) return undefined;
      return {
        known: before !== undefined,
        object: {
          metadata: {
            name: told.name,
            namespace: regarding.metadata.namespace ?? 'default',
            ...(occurrence.annotations && { annotations: occurrence.annotations }),
          },
          involvedObject: involved(occurrence),
          reason,
          message,
          source: { component, ...(host !== undefined && { host }) },
          firstTimestamp: told.firstTimestamp,
          lastTimestamp: time,
          count: told.count,
          type,
          reportingComponent: component,
          ...(host !== undefined && { reportingInstance: host }),
        },
      };
    },
  };
}

function involved({ regarding, fieldPath }: Occurrence): Event['involvedObject'] {
  const { apiVersion, kind, metadata } = regarding;
  const { name, uid, resourceVersion, namespace } = metadata;
  return {
    apiVersion,
    kind,
    name,
    uid,
    resourceVersion,
    ...(namespace && { namespace }),
    ...(fieldPath && { fieldPath }),
  };
}

let sequence = 0;

/** The object's name and the time in nanoseconds as hexadecimal, of which the clock gives milliseconds and a count the rest. */
function eventName(name: string, now: number): string {
  sequence = (sequence + 1) % 1_000_000;
  return `${name.slice(0, 236)}.${(BigInt(now) * 1_000_000n + BigInt(sequence)).toString(16)}`;
}
