/** Defaults of a volume claim's spec, wherever it stands: a claim, a StatefulSet's template, an ephemeral volume. */
import type { PersistentVolumeClaimSpec } from '../gen/core-v1.ts';

export function setVolumeClaimDefaults(spec: PersistentVolumeClaimSpec): void {
  spec.volumeMode ??= 'Filesystem';
  spec.resources ??= {};
  // The two ways of naming a data source agree while both mean an object of the claim's own namespace.
  const { dataSource, dataSourceRef } = spec;
  if (dataSource && !dataSourceRef) spec.dataSourceRef = { ...dataSource };
  else if (dataSourceRef && !dataSource && !dataSourceRef.namespace) {
    const { namespace: _, ...local } = dataSourceRef;
    spec.dataSource = local;
  }
}
