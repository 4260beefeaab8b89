import { duplicate, required } from '#lib/meta/errors.ts';
import { ageColumn, integer, nameColumn } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { CSINode } from './gen/storage-v1.ts';

export const csiNode = defineKind<CSINode>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSINode',
  description: 'The storage drivers of a node.',
  plural: 'csinodes',
  namespaced: false,
  namesVersion: true,
  schema: 'io.k8s.api.storage.v1.CSINode',
  returnsDeleted: true,
  check: ({ spec }) => {
    const names = new Set<string>();
    return spec.drivers.flatMap(({ name, nodeID }, i) => {
      const at = `spec.drivers[${i}]`;
      const twice = names.has(name) ? [duplicate(`${at}.name`, name)] : [];
      names.add(name);
      return [...(name ? twice : [required(`${at}.name`)]), ...(nodeID ? [] : [required(`${at}.nodeID`)])];
    });
  },
  columns: [nameColumn, integer('Drivers', ({ spec }) => spec.drivers.length), ageColumn],
});
