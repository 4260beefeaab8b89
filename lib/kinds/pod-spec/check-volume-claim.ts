/** Faults of a volume claim's spec, wherever it stands. */
import { fieldForbidden, invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { GoText } from '#lib/meta/go-text.ts';
import { labelNameFaults, subdomainFaults } from '#lib/meta/names.ts';
import { parseQuantity, QuantityError, unitsOf } from '#lib/meta/quantities.ts';
import { checkLabelSelector } from '../checks/selectors.ts';
import { grammar, needed, optionalOneOf, quantity } from '../checks/values.ts';
import type { PersistentVolumeClaimSpec, TypedObjectReference } from '../gen/core-v1.ts';

const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'] as const;

/** Where the claim was there before, groups of its data source are not looked at again if it had one with a group. */
export function checkVolumeClaimSpec(
  path: string,
  spec: PersistentVolumeClaimSpec,
  before?: PersistentVolumeClaimSpec,
): FieldError[] {
  const storage = spec.resources?.requests?.['storage'];
  const at = `${path}.resources[storage]`;
  const anyGroup = (before?.dataSource?.apiGroup ?? before?.dataSourceRef?.apiGroup) !== undefined;
  return [
    ...(spec.accessModes?.length ? [] : [required(`${path}.accessModes`, 'at least 1 access mode is required')]),
    ...(spec.selector ? checkLabelSelector(`${path}.selector`, spec.selector) : []),
    ...checkModes(`${path}.accessModes`, spec.accessModes),
    ...(storage === undefined ? [required(at)] : positive(at, storage)),
    ...(spec.storageClassName ? grammar(`${path}.storageClassName`, spec.storageClassName, subdomainFaults) : []),
    ...optionalOneOf(`${path}.volumeMode`, spec.volumeMode, ['Block', 'Filesystem']),
    ...checkSource(`${path}.dataSource`, spec.dataSource, anyGroup),
    ...checkSource(`${path}.dataSourceRef`, spec.dataSourceRef, anyGroup),
    ...checkAgreement(path, spec),
  ];
}

/** Access modes of a claim or a volume: known ones, and ReadWriteOncePod only alone. */
export function checkModes(path: string, modes: readonly string[] = []): FieldError[] {
  const isKnown = (mode: string) => (accessModes as readonly string[]).includes(mode);
  const faults = modes.filter((mode) => !isKnown(mode)).map((mode) => notSupported(path, mode, accessModes));
  if (modes.includes('ReadWriteOncePod') && modes.some((mode) => mode !== 'ReadWriteOncePod' && isKnown(mode))) {
    faults.push(fieldForbidden(path, 'may not use ReadWriteOncePod with other access modes'));
  }
  return faults;
}

/** A quantity of nothing at least, shown as the whole number that it is. */
export function basic(path: string, amount: number | string): FieldError[] {
  const units = Math.ceil(unitsOf(amount));
  return units < 0 ? [invalid(path, units, 'must be a valid resource quantity')] : [];
}

/** A quantity of more than nothing. */
export function positive(path: string, amount: number | string): FieldError[] {
  try {
    return parseQuantity(amount) > 0n ? [] : [invalid(path, String(amount), 'must be greater than zero')];
  } catch (error) {
    if (error instanceof QuantityError) return quantity(path, amount);
    throw error;
  }
}

function checkSource(path: string, source: Partial<TypedObjectReference> | undefined, anyGroup: boolean): FieldError[] {
  if (!source) return [];
  const { apiGroup, kind = '', name, namespace } = source;
  const faults = [...needed(`${path}.name`, name), ...needed(`${path}.kind`, kind)];
  if (!apiGroup && kind !== 'PersistentVolumeClaim') {
    faults.push(invalid(path, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"));
  }
  if (apiGroup && !anyGroup) faults.push(...grammar(`${path}.apiGroup`, apiGroup, subdomainFaults));
  return namespace ? [...faults, ...grammar(`${path}.namespace`, namespace, labelNameFaults)] : faults;
}

function checkAgreement(
  path: string,
  { dataSource: old, dataSourceRef: ref }: PersistentVolumeClaimSpec,
): FieldError[] {
  if (!old || !ref) return [];
  // Upstream shows the path where it means the value.
  const fault = (detail: string) => [invalid(path, new GoText(`${path}.dataSource`), detail)];
  if (ref.namespace) return fault('may not be specified when dataSourceRef.namespace is specified');
  const agree = old.apiGroup === ref.apiGroup && old.kind === ref.kind && old.name === ref.name;
  return agree ? [] : fault('must match dataSourceRef');
}
