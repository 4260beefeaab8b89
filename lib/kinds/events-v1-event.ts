import type { Resource } from '#lib/meta/object.ts';
import { defineKind, type Column } from './define-kind.ts';
import { checkNewEvent } from './event-check.ts';
import { event } from './event.ts';
import type { Event as CoreEvent } from './gen/core-v1.ts';
import type { Event } from './gen/events-v1.ts';

/** Events in the words of `events.k8s.io`; stored, like all events, as `event.ts` has them. */
export const eventsV1Event = defineKind<Event>({
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  description: 'A report of something that happened to an object; kept for a limited time.',
  plural: 'events',
  short: ['ev'],
  namespaced: true,
  createdByUpdate: true,
  dependents: 'none',
  schema: 'io.k8s.api.events.v1.Event',
  storage: event.storage,
  conversion: { stored: event, fromStored: (stored) => fromCore(stored as CoreEvent), toStored: toCore },
  check: (object, before) => checkNewEvent(toCore(object), before && toCore(before)),
  columns: (event.columns ?? []).map((column): Column<Event> => ({
    ...column,
    value: (object, context) => column.value(toCore(object), context),
  })),
  fields: {
    'regarding.kind': ({ regarding }) => regarding?.kind ?? '',
    'regarding.namespace': ({ regarding }) => regarding?.namespace ?? '',
    'regarding.name': ({ regarding }) => regarding?.name ?? '',
    'regarding.uid': ({ regarding }) => regarding?.uid ?? '',
    'regarding.apiVersion': ({ regarding }) => regarding?.apiVersion ?? '',
    'regarding.resourceVersion': ({ regarding }) => regarding?.resourceVersion ?? '',
    'regarding.fieldPath': ({ regarding }) => regarding?.fieldPath ?? '',
    reason: ({ reason }) => reason ?? '',
    reportingController: ({ reportingController }) => reportingController ?? '',
    type: ({ type }) => type ?? '',
  },
});

const nowhen = null as unknown as string;

function fromCore(stored: CoreEvent): Event {
  const { involvedObject, message, source, firstTimestamp, lastTimestamp, count, reportingComponent, ...same } = stored;
  return {
    ...(same as Resource & Omit<typeof same, 'series'>),
    apiVersion: 'events.k8s.io/v1',
    // Both times are always there in this version: null, as upstream shows it, where older clients gave none.
    series: same.series && { count: same.series.count ?? 0, lastObservedTime: same.series.lastObservedTime ?? nowhen },
    eventTime: same.eventTime ?? nowhen,
    regarding: involvedObject,
    note: message,
    reportingController: reportingComponent,
    deprecatedSource: source,
    deprecatedFirstTimestamp: firstTimestamp,
    deprecatedLastTimestamp: lastTimestamp,
    deprecatedCount: count,
  };
}

function toCore(object: Event): CoreEvent {
  const {
    regarding,
    note,
    reportingController,
    deprecatedSource,
    deprecatedFirstTimestamp,
    deprecatedLastTimestamp,
    deprecatedCount,
    eventTime,
    series,
    ...same
  } = object;
  return {
    ...same,
    apiVersion: 'v1',
    eventTime: eventTime ?? undefined,
    series: series && { ...series, lastObservedTime: series.lastObservedTime ?? undefined },
    involvedObject: regarding ?? {},
    message: note,
    reportingComponent: reportingController,
    source: deprecatedSource ?? {},
    firstTimestamp: deprecatedFirstTimestamp,
    lastTimestamp: deprecatedLastTimestamp,
    count: deprecatedCount,
  };
}
