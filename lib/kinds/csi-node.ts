import { equal } from '#lib/meta/equal.ts';
import { duplicate, invalid, type FieldError } from '#lib/meta/errors.ts';
import { qualifiedNameFaults } from '#lib/meta/names.ts';
import { goStruct } from './checks/go-value.ts';
import { grammar, needed, nonNegative } from './checks/values.ts';
import { ageColumn, integer, nameColumn } from './columns.ts';
import { defineKind } from './define-kind.ts';
import type { CSINode, CSINodeDriver } from './gen/storage-v1.ts';
import { checkDriverName } from './pod-spec/volume-sources.ts';

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
  check: ({ spec }, before) => [
    ...checkDrivers(spec.drivers),
    ...(before ? checkChange(spec.drivers, before.spec.drivers) : []),
  ],
  columns: [nameColumn, integer('Drivers', ({ spec }) => spec.drivers.length), ageColumn],
});

const maxNodeIdLength = 256;

function checkDrivers(drivers: readonly CSINodeDriver[]): FieldError[] {
  const names = new Set<string>();
  return drivers.flatMap(({ name, nodeID, allocatable, topologyKeys }, i) => {
    const at = `spec.drivers[${i}]`;
    const isTwice = names.has(name);
    names.add(name);
    return [
      ...checkDriverName(`${at}.name`, name),
      ...needed(`${at}.nodeID`, nodeID),
      ...(nodeID.length > maxNodeIdLength
        ? [invalid(`${at}.nodeID`, nodeID, `must be ${maxNodeIdLength} characters or less`)]
        : []),
      ...nonNegative(`${at}.allocatable.count`, allocatable?.count),
      ...(isTwice ? [duplicate(`${at}.name`, name)] : []),
      ...checkKeys(at, topologyKeys),
    ];
  });
}

/** Upstream's paths are those of the driver. */
function checkKeys(path: string, keys: readonly string[] = []): FieldError[] {
  return keys.flatMap((key, i) => [
    ...needed(path, key),
    ...(keys.indexOf(key) < i ? [duplicate(path, key)] : []),
    ...grammar(path, key, qualifiedNameFaults),
  ]);
}

/** A driver may come and go, but not become another. */
function checkChange(now: readonly CSINodeDriver[], before: readonly CSINodeDriver[]): FieldError[] {
  return before.flatMap((old) =>
    now
      .filter((driver) => driver.name === old.name && !equal(driver, old))
      .map((driver) =>
        invalid('spec.drivers', goStruct('io.k8s.api.storage.v1.CSINodeDriver', driver), 'field is immutable'),
      ),
  );
}
