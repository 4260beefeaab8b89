/** Claims, volumes and storage classes, as far as they decide where a pod may run. */
import type { PersistentVolume, PersistentVolumeClaim } from '#lib/kinds/gen/core-v1.ts';
import type { StorageClass } from '#lib/kinds/gen/storage-v1.ts';

export class Volumes {
  /** By `namespace/name`. */
  readonly claims = new Map<string, PersistentVolumeClaim>();
  readonly volumes = new Map<string, PersistentVolume>();
  readonly classes = new Map<string, StorageClass>();
}
