/** Objects live in namespaces that exist, and none is created where all is being taken down. */
import { namespace as namespaceKind } from '#lib/kinds/namespace.ts';
import { ApiError, forbidden, notFound, qualified } from '#lib/meta/errors.ts';
import type { AdmissionPlugin, AdmissionRequest, Lookup } from './types.ts';

const immortal = new Set(['default', 'kube-system', 'kube-public']);

export const namespaceLifecycle: AdmissionPlugin = { name: 'NamespaceLifecycle', admit };

function admit({ operation, kind, namespace, name, subresource }: AdmissionRequest, look: Lookup): void {
  if (operation === 'DELETE') {
    if (kind === namespaceKind && immortal.has(name)) throw forbidden(kind, name, 'this namespace may not be deleted');
    return;
  }
  if (!kind.namespaced || kind.plural === 'localsubjectaccessreviews') return;
  const space = look.get(namespaceKind, { namespace: '', name: namespace });
  if (!space) throw notFound(namespaceKind, namespace);
  if (operation !== 'CREATE' || subresource !== '' || space.metadata.deletionTimestamp === undefined) return;
  throw new ApiError(
    'Forbidden',
    `${qualified(kind)} "${name}" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`,
    {
      name,
      ...(kind.group && { group: kind.group }),
      kind: kind.plural,
      causes: [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    },
  );
}
