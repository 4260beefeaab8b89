import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { ServiceAccount } from './gen/core-v1.ts';

const mountable = 'kubernetes.io/enforce-mountable-secrets';

export const serviceAccount = defineKind<ServiceAccount>({
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  description: 'An identity for the processes in pods.',
  plural: 'serviceaccounts',
  short: ['sa'],
  namespaced: true,
  schema: 'io.k8s.api.core.v1.ServiceAccount',
  returnsDeleted: true,
  subresources: {
    token: { verbs: ['create'], kind: 'TokenRequest', group: 'authentication.k8s.io', version: 'v1' },
  },
  warnings: ({ metadata }) =>
    metadata.annotations?.[mountable] === undefined
      ? []
      : [
          `metadata.annotations[${mountable}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets`,
        ],
  columns: [nameColumn, text('Secrets', ({ secrets }) => secrets?.length ?? 0), ageColumn],
});
