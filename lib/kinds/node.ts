import { defineKind } from './define-kind.ts';
import type { Node } from './gen/core-v1.ts';

export const node = defineKind<Node>({
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  short: ['no'],
  namespaced: false,
  schema: 'io.k8s.api.core.v1.Node',
  status: true,
  subresources: {
    proxy: { verbs: ['create', 'delete', 'get', 'patch', 'update'], kind: 'NodeProxyOptions' },
  },
});
