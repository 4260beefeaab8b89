/** Faults of a volume claim's spec, wherever it stands. */
import { invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { parseQuantity } from '#lib/meta/quantities.ts';
import { checkLabelSelector } from '../checks/selectors.ts';
import { optionalOneOf, quantity, subdomain } from '../checks/values.ts';
import type { PersistentVolumeClaimSpec } from '../gen/core-v1.ts';

const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'] as const;

export function checkVolumeClaimSpec(path: string, spec: PersistentVolumeClaimSpec): FieldError[] {
  const faults = checkAccessModes(`${path}.accessModes`, spec.accessModes, 'at least 1 access mode is required');
  if (spec.selector) faults.push(...checkLabelSelector(`${path}.selector`, spec.selector));
  const storage = spec.resources?.requests?.['storage'];
  const at = `${path}.resources[storage]`;
  if (storage === undefined) faults.push(required(at));
  else {
    const bad = quantity(at, storage);
    if (bad.length === 0 && parseQuantity(storage) === 0n) {
      bad.push(invalid(at, String(storage), 'must be greater than zero'));
    }
    faults.push(...bad);
  }
  if (spec.storageClassName) faults.push(...subdomain(`${path}.storageClassName`, spec.storageClassName));
  faults.push(...optionalOneOf(`${path}.volumeMode`, spec.volumeMode, ['Block', 'Filesystem']));
  return faults;
}

/** Access modes of a claim or a volume: one at least, known ones, and ReadWriteOncePod only alone. */
export function checkAccessModes(path: string, modes: readonly string[] | undefined, missing: string): FieldError[] {
  if (!modes || modes.length === 0) return [required(path, missing)];
  const faults = modes
    .filter((mode) => !(accessModes as readonly string[]).includes(mode))
    .map((mode) => notSupported(path, mode, accessModes));
  if (modes.length > 1 && modes.includes('ReadWriteOncePod')) {
    faults.push({
      field: path,
      reason: 'FieldValueForbidden',
      message: 'Forbidden: may not use ReadWriteOncePod with other access modes',
    });
  }
  return faults;
}
