/** Defaults of a volume claim's spec, wherever it stands: a claim, a StatefulSet's template, an ephemeral volume. */
import type { PersistentVolumeClaimSpec } from '../gen/core-v1.ts';

export function setVolumeClaimDefaults(spec: PersistentVolumeClaimSpec): void {
  spec.volumeMode ??= 'Filesystem';
  spec.resources ??= {};
  // The two ways of naming a data source agree while both mean an object of the claim's own namespace.
  if (spec.dataSource && !spec.dataSourceRef) spec.dataSourceRef = { ...spec.dataSource };
  else if (spec.dataSourceRef && !spec.dataSource && !spec.dataSourceRef.namespace) {
    spec.dataSource = { ...spec.dataSourceRef };
  }
}
