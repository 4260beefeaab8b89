import { defineKind } from './define-kind.ts';
import type { DaemonSet } from './gen/apps-v1.ts';

export const daemonSet = defineKind<DaemonSet>({
  group: 'apps',
  version: 'v1',
  kind: 'DaemonSet',
  plural: 'daemonsets',
  short: ['ds'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.apps.v1.DaemonSet',
  status: true,
  generation: true,
});
