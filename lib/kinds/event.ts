import { invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { integer, since, text, wide } from './columns.ts';
import { defineKind, type PrintContext } from './define-kind.ts';
import type { Event } from './gen/core-v1.ts';

const maxNoteBytes = 1024;
const maxTextLength = 128;

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
  defaults: (object) => {
    // Upstream shows these four even when nobody set them.
    object.source ??= {};
    object.reportingComponent ??= object.source.component ?? '';
    object.reportingInstance ??= object.source.host ?? '';
  },
  check: (object) => checkEvent(object),
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
    wide(integer('Count', ({ series, count }) => series?.count ?? (count || 1))),
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

/** Rules of the newer API hold for events that carry its `eventTime`; older clients write without any of it. */
function checkEvent({ metadata, involvedObject, ...object }: Event): FieldError[] {
  const faults: FieldError[] = [];
  const { namespace = '' } = involvedObject;
  const isClusterScoped = namespace === '';
  const home = isClusterScoped ? ['default', 'kube-system', ''] : [namespace];
  if (!home.includes(metadata.namespace ?? '')) {
    faults.push(invalid('involvedObject.namespace', namespace, 'does not match event.namespace'));
  }
  if (!object.eventTime) return faults;
  if (!object.reportingComponent) faults.push(required('reportingController'));
  if (!object.reportingInstance) faults.push(required('reportingInstance'));
  for (const name of ['reportingInstance', 'action', 'reason'] as const) {
    const value = object[name] ?? '';
    if (value.length > maxTextLength) faults.push(invalid(name, '', `can have at most ${maxTextLength} characters`));
    else if (!value && name !== 'reportingInstance') faults.push(required(name));
  }
  if (new TextEncoder().encode(object.message ?? '').length > maxNoteBytes) {
    faults.push(invalid('message', '', `can have at most ${maxNoteBytes} characters`));
  }
  if (object.type !== 'Normal' && object.type !== 'Warning') {
    faults.push(invalid('type', '', `has invalid value: ${object.type ?? ''}`));
  }
  return faults;
}
