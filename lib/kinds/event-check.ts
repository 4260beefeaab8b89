/** Faults of events, in the words of the stored version for both. */
import { equal } from '#lib/meta/equal.ts';
import { invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { GoText } from '#lib/meta/go-text.ts';
import { qualifiedNameFaults } from '#lib/meta/names.ts';
import { goStruct } from './checks/go-value.ts';
import { unchanged } from './checks/metadata.ts';
import { grammar, needed } from './checks/values.ts';
import type { Event } from './gen/core-v1.ts';

type Faults = FieldError[];

const maxNoteBytes = 1024;
const maxTextBytes = 128;
const bytes = (text: string) => new TextEncoder().encode(text).length;

/** What every event must obey. Those of newer clients carry an `eventTime` and must say more. */
export function checkEvent(object: Event): Faults {
  const { metadata, involvedObject } = object;
  const { namespace: of = '' } = involvedObject;
  const { namespace: home = '' } = metadata;
  const fits = object.eventTime
    ? of !== '' || home === 'default' || home === 'kube-system'
    : of === home || (of === '' && home === 'default');
  const faults = fits ? [] : [invalid('involvedObject.namespace', of, 'does not match event.namespace')];
  if (!object.eventTime) return faults;
  const atMost = (field: string, text: string | undefined, most: number) =>
    bytes(text ?? '') > most ? [invalid(field, '', `can have at most ${most} characters`)] : [];
  return [
    ...faults,
    ...needed('reportingController', object.reportingComponent),
    ...grammar('reportingController', object.reportingComponent ?? '', qualifiedNameFaults),
    ...(['reportingInstance', 'action', 'reason'] as const).flatMap((name) => [
      ...needed(name, object[name]),
      ...atMost(name, object[name], maxTextBytes),
    ]),
    ...atMost('message', object.message, maxNoteBytes),
  ];
}

/** What the newer version refuses besides. */
export function checkNewEvent(now: Event, before: Event | undefined): Faults {
  return [...checkEvent(now), ...(before ? checkChange(now, before) : checkFields(now))];
}

function checkSeries({ series }: Event): Faults {
  if (!series) return [];
  return [
    ...((series.count ?? 0) < 2 ? [invalid('series.count', '', 'should be at least 2')] : []),
    ...(series.lastObservedTime ? [] : [required('series.lastObservedTime')]),
  ];
}

function checkFields(object: Event): Faults {
  const { type = '', source } = object;
  const unset = (field: string, value: unknown) => (value ? [invalid(field, '', 'needs to be unset')] : []);
  return [
    ...checkSeries(object),
    ...(object.eventTime ? [] : [required('eventTime')]),
    ...(type === 'Normal' || type === 'Warning' ? [] : [invalid('type', '', `has invalid value: ${type}`)]),
    ...unset('firstTimestamp', object.firstTimestamp),
    ...unset('lastTimestamp', object.lastTimestamp),
    ...unset('count', object.count),
    ...unset('source', source?.component || source?.host),
  ];
}

/** Nothing about an event changes but that it happens again. */
function checkChange(now: Event, before: Event): Faults {
  const struct = (field: 'involvedObject' | 'source' | 'related', type: string) =>
    equal(now[field], before[field])
      ? []
      : [invalid(field, now[field] && goStruct(`io.k8s.api.core.v1.${type}`, now[field]), 'field is immutable')];
  const time = (field: 'firstTimestamp' | 'lastTimestamp' | 'eventTime') => {
    if (equal(now[field], before[field])) return [];
    const shown = now[field]?.replace('T', ' ').replace('Z', ' +0000 UTC');
    return [invalid(field, new GoText(shown ?? '0001-01-01 00:00:00 +0000 UTC'), 'field is immutable')];
  };
  const same = (field: string, value: unknown, old: unknown) => unchanged(field, value ?? '', old ?? '');
  return [
    ...(equal(now.series, before.series) ? [] : checkSeries(now)),
    ...struct('involvedObject', 'ObjectReference'),
    ...same('reason', now.reason, before.reason),
    ...same('message', now.message, before.message),
    ...struct('source', 'EventSource'),
    ...time('firstTimestamp'),
    ...time('lastTimestamp'),
    ...unchanged('count', now.count ?? 0, before.count ?? 0),
    ...same('type', now.type, before.type),
    ...time('eventTime'),
    ...same('action', now.action, before.action),
    ...struct('related', 'ObjectReference'),
    ...same('reportingController', now.reportingComponent, before.reportingComponent),
    ...same('reportingInstance', now.reportingInstance, before.reportingInstance),
  ];
}
