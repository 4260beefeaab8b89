import { pathSegmentFaults } from '#lib/meta/names.ts';
import { since, text, wide } from './columns.ts';
import { defineKind, type PrintContext } from './define-kind.ts';
import { checkEvent } from './event-check.ts';
import type { Event } from './gen/core-v1.ts';

/** The form in which events of both versions are stored; `events-v1-event.ts` shows the same objects in the newer words. */
export const event = defineKind<Event>({
  group: '',
  version: 'v1',
  kind: 'Event',
  description: 'A report of something that happened to an object; kept for a limited time.',
  plural: 'events',
  short: ['ev'],
  namespaced: true,
  createdByUpdate: true,
  dependents: 'none',
  schema: 'io.k8s.api.core.v1.Event',
  nameFaults: pathSegmentFaults,
  defaults: (object) => {
    // Upstream shows these four even when nobody set them.
    object.source ??= {};
    object.reportingComponent ??= object.source.component ?? '';
    object.reportingInstance ??= object.source.host ?? '';
  },
  check: checkEvent,
  columns: [
    text('Last Seen', (object, context) => lastSeenOf(object, context)),
    text('Type', ({ type }) => type ?? ''),
    text('Reason', ({ reason }) => reason ?? ''),
    text('Object', ({ involvedObject: { kind = '', name } }) =>
      name ? `${kind.toLowerCase()}/${name}` : kind.toLowerCase(),
    ),
    wide(text('Subobject', ({ involvedObject }) => involvedObject.fieldPath ?? '')),
    wide(text('Source', sourceOf)),
    text('Message', ({ message }) => (message ?? '').trim()),
    wide(text('First Seen', (object, context) => firstSeenOf(object, context))),
    wide(text('Count', ({ series, count }) => series?.count ?? (count || 1))),
    wide({ name: 'Name', type: 'string', format: 'name', value: ({ metadata }) => metadata.name }),
  ],
  fields: {
    'involvedObject.kind': ({ involvedObject }) => involvedObject.kind ?? '',
    'involvedObject.namespace': ({ involvedObject }) => involvedObject.namespace ?? '',
    'involvedObject.name': ({ involvedObject }) => involvedObject.name ?? '',
    'involvedObject.uid': ({ involvedObject }) => involvedObject.uid ?? '',
    'involvedObject.apiVersion': ({ involvedObject }) => involvedObject.apiVersion ?? '',
    'involvedObject.resourceVersion': ({ involvedObject }) => involvedObject.resourceVersion ?? '',
    'involvedObject.fieldPath': ({ involvedObject }) => involvedObject.fieldPath ?? '',
    reason: ({ reason }) => reason ?? '',
    reportingComponent: ({ reportingComponent }) => reportingComponent ?? '',
    source: ({ source, reportingComponent }) => source?.component || (reportingComponent ?? ''),
    type: ({ type }) => type ?? '',
  },
});

function firstSeenOf({ firstTimestamp, eventTime }: Event, context: PrintContext): string {
  return since(firstTimestamp ?? eventTime, context);
}

function lastSeenOf(object: Event, context: PrintContext): string {
  const { series, lastTimestamp } = object;
  if (series) return since(series.lastObservedTime, context);
  return lastTimestamp ? since(lastTimestamp, context) : firstSeenOf(object, context);
}

function sourceOf({ source, reportingComponent, reportingInstance }: Event): string {
  const parts = [source?.component || reportingComponent, source?.host || reportingInstance];
  return parts.filter(Boolean).join(', ');
}
