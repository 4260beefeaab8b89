import { invalid } from '#lib/meta/errors.ts';
import { labelNameFaults } from '#lib/meta/names.ts';
import { checkFinalizer } from './checks/metadata.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { Namespace } from './gen/core-v1.ts';

/** The label by which selectors find a namespace of a name. */
const nameLabel = 'kubernetes.io/metadata.name';

export const namespace = defineKind<Namespace>({
  group: '',
  version: 'v1',
  kind: 'Namespace',
  description: 'A scope for names: most objects live in one, and go with it when it is deleted.',
  plural: 'namespaces',
  short: ['ns'],
  namespaced: false,
  returnsDeleted: true,
  schema: 'io.k8s.api.core.v1.Namespace',
  // One at a time: upstream has no deletion of all namespaces.
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  status: true,
  subresources: { finalize: { verbs: ['update'], kind: 'Namespace' } },
  nameFaults: labelNameFaults,
  defaults: ({ metadata }) => {
    if (metadata.name) (metadata.labels ??= {})[nameLabel] = metadata.name;
  },
  prepareCreate: (object) => {
    object.status = { phase: 'Active' };
    // The namespace's own finalizer holds it until everything in it is gone.
    const finalizers = (object.spec.finalizers ??= []);
    if (!finalizers.includes('kubernetes')) finalizers.push('kubernetes');
    (object.metadata.labels ??= {})[nameLabel] = object.metadata.name;
  },
  prepareUpdate: (object, before) => {
    object.spec.finalizers = before.spec.finalizers;
  },
  check: ({ spec }, before) =>
    before ? [] : (spec.finalizers ?? []).flatMap((name) => checkFinalizer('spec.finalizers', name)),
  checkStatus: ({ metadata, status }) => {
    const [phase, when] = metadata.deletionTimestamp ? ['Terminating', 'not empty'] : ['Active', 'empty'];
    if (status?.phase === phase) return [];
    return [invalid('status.Phase', status?.phase ?? '', `may only be '${phase}' if \`deletionTimestamp\` is ${when}`)];
  },
  checkSubresource: (_subresource, { spec }) =>
    (spec.finalizers ?? []).flatMap((name, i) => checkFinalizer(`spec.finalizers[${i}]`, name)),
  columns: [nameColumn, text('Status', ({ status }) => status?.phase ?? 'Active'), ageColumn],
  fields: { 'status.phase': ({ status }) => status?.phase ?? '' },
});
