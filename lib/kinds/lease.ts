import { invalid, type FieldError } from '#lib/meta/errors.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { Lease, LeaseSpec } from './gen/coordination-v1.ts';

export const lease = defineKind<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  description: 'A claim to something, such as leadership, that its holder must renew.',
  plural: 'leases',
  namespaced: true,
  createdByUpdate: true,
  namesVersion: true,
  schema: 'io.k8s.api.coordination.v1.Lease',
  check: ({ spec }) => checkSpec(spec),
  columns: [nameColumn, text('Holder', ({ spec }) => spec.holderIdentity ?? ''), ageColumn],
});

function checkSpec({ leaseDurationSeconds: seconds, leaseTransitions: transitions }: LeaseSpec): FieldError[] {
  return [
    ...(seconds !== undefined && seconds <= 0
      ? [invalid('spec.leaseDurationSeconds', seconds, 'must be greater than 0')]
      : []),
    ...(transitions !== undefined && transitions < 0
      ? [invalid('spec.leaseTransitions', transitions, 'must be greater than or equal to 0')]
      : []),
  ];
}
