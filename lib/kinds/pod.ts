import { defineKind } from './define-kind.ts';
import type { Pod } from './gen/core-v1.ts';

export const pod = defineKind<Pod>({
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  short: ['po'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.core.v1.Pod',
  status: true,
  subresources: {
    attach: { verbs: ['create', 'get'], kind: 'PodAttachOptions' },
    binding: { verbs: ['create'], kind: 'Binding' },
    ephemeralcontainers: { verbs: ['get', 'patch', 'update'], kind: 'Pod' },
    eviction: { verbs: ['create'], kind: 'Eviction', group: 'policy', version: 'v1' },
    exec: { verbs: ['create', 'get'], kind: 'PodExecOptions' },
    log: { verbs: ['get'], kind: 'Pod' },
    portforward: { verbs: ['create', 'get'], kind: 'PodPortForwardOptions' },
    proxy: { verbs: ['create', 'delete', 'get', 'patch', 'update'], kind: 'PodProxyOptions' },
    resize: { verbs: ['get', 'patch', 'update'], kind: 'Pod' },
  },
});
