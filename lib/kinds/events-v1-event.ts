import { defineKind } from './define-kind.ts';
import type { Event } from './gen/events-v1.ts';

export const eventsV1Event = defineKind<Event>({
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  short: ['ev'],
  namespaced: true,
  schema: 'io.k8s.api.events.v1.Event',
});
