import { defineKind } from './define-kind.ts';
import type { Event } from './gen/core-v1.ts';

export const event = defineKind<Event>({
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  short: ['ev'],
  namespaced: true,
  schema: 'io.k8s.api.core.v1.Event',
});
