import { controllerOf } from '#lib/meta/owners.ts';
import { invalid, required } from '#lib/meta/errors.ts';
import { unchanged } from './checks/metadata.ts';
import { ageColumn, nameColumn, none, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { ControllerRevision } from './gen/apps-v1.ts';

export const controllerRevision = defineKind<ControllerRevision>({
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  description: 'A snapshot of the state of a StatefulSet or DaemonSet, to roll back to.',
  plural: 'controllerrevisions',
  namespaced: true,
  schema: 'io.k8s.api.apps.v1.ControllerRevision',
  check: ({ data, revision }, before) => [
    ...(before
      ? unchanged('data', data, before.data)
      : data === undefined
        ? [required('data', 'data is mandatory')]
        : []),
    ...(revision < 0 ? [invalid('revision', revision, 'must be greater than or equal to 0')] : []),
  ],
  columns: [
    nameColumn,
    text('Controller', (object) => {
      const owner = controllerOf(object);
      if (!owner) return none;
      const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.split('/')[0]}` : '';
      return `${owner.kind.toLowerCase()}${group}/${owner.name}`;
    }),
    text('Revision', ({ revision }) => revision),
    ageColumn,
  ],
});
