/** Faults of `metadata`, which all kinds share (upstream's `ValidateObjectMeta`). */
import { equal } from '#lib/meta/equal.ts';
import { fieldForbidden, invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { labelValueFaults, labelNameFaults, qualifiedNameFaults, subdomainFaults } from '#lib/meta/names.ts';
import type { ObjectMeta, Resource } from '#lib/meta/object.ts';
import type { Kind } from '../define-kind.ts';
import { grammar } from './values.ts';

/** Bytes that all annotations of an object may have together. */
const maxAnnotationBytes = 256 * 1024;
const immutable = 'field is immutable';

/** All faults of an object: those of its metadata, and those its kind finds. `before` is there on updates. */
export function checkObject<T extends Resource>(kind: Kind<T>, object: T, before: T | undefined): FieldError[] {
  return [...checkMetadata(kind, object, before), ...(kind.check?.(object, before) ?? [])];
}

/** Faults of the metadata alone, as status writes need them. */
export function checkMetadata<T extends Resource>(kind: Kind<T>, object: T, before: T | undefined): FieldError[] {
  const { metadata } = object;
  return [
    ...checkNames(kind, metadata),
    ...checkLabels('metadata.labels', metadata.labels),
    ...checkAnnotations('metadata.annotations', metadata.annotations),
    ...checkOwners(metadata),
    ...checkFinalizers(metadata),
    ...(before ? checkChanges(metadata, before.metadata) : []),
  ];
}

function checkNames(kind: Kind, { name, generateName, namespace }: Partial<ObjectMeta>): FieldError[] {
  const faultsOf = kind.nameFaults ?? subdomainFaults;
  const faults: FieldError[] = [];
  if (generateName) {
    // A prefix may end where a whole name may not.
    faults.push(...grammar('metadata.generateName', generateName, (text) => faultsOf(text.replace(/-$/, 'a'))));
  }
  if (!name) faults.push(required('metadata.name', 'name or generateName is required'));
  else faults.push(...grammar('metadata.name', name, faultsOf));
  if (kind.namespaced) {
    if (!namespace) faults.push(required('metadata.namespace'));
    else faults.push(...grammar('metadata.namespace', namespace, labelNameFaults));
  } else if (namespace) faults.push(fieldForbidden('metadata.namespace', 'not allowed on this type'));
  return faults;
}

/** Faults of a label map. */
export function checkLabels(path: string, labels: Readonly<Record<string, string>> | undefined): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...grammar(path, key, qualifiedNameFaults),
    ...grammar(path, value, labelValueFaults),
  ]);
}

/** Faults of an annotation map. */
export function checkAnnotations(
  path: string,
  annotations: Readonly<Record<string, string>> | undefined,
): FieldError[] {
  const faults: FieldError[] = [];
  let sizeBytes = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    faults.push(...grammar(path, key, (text) => qualifiedNameFaults(text.toLowerCase())));
    // A character is at most three bytes of UTF-8 per UTF-16 unit: short annotations need no exact count.
    sizeBytes += key.length + value.length;
  }
  if (sizeBytes * 3 > maxAnnotationBytes) {
    sizeBytes = new TextEncoder().encode(
      Object.entries(annotations ?? {})
        .flat()
        .join(''),
    ).length;
    if (sizeBytes > maxAnnotationBytes) {
      faults.push({
        field: path,
        reason: 'FieldValueTooLong',
        message: `Too long: may not be more than ${maxAnnotationBytes} bytes`,
      });
    }
  }
  return faults;
}

function checkOwners({ ownerReferences }: ObjectMeta): FieldError[] {
  const path = 'metadata.ownerReferences';
  const faults: FieldError[] = [];
  let controller: string | undefined;
  for (const [i, owner] of (ownerReferences ?? []).entries()) {
    const at = `${path}[${i}]`;
    if (!owner.apiVersion)
      faults.push(invalid(`${at}.apiVersion`, owner.apiVersion ?? '', 'version must not be empty'));
    if (!owner.kind) faults.push(invalid(`${at}.kind`, owner.kind ?? '', 'must not be empty'));
    if (!owner.name) faults.push(invalid(`${at}.name`, owner.name ?? '', 'must not be empty'));
    if (!owner.uid) faults.push(invalid(`${at}.uid`, owner.uid ?? '', 'must not be empty'));
    if (owner.apiVersion === 'v1' && owner.kind === 'Event') {
      faults.push(invalid(at, owner, 'v1, Kind=Event is disallowed from being an owner'));
    }
    if (!owner.controller) continue;
    if (controller !== undefined) {
      faults.push(
        invalid(
          path,
          ownerReferences,
          `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${owner.name}`,
        ),
      );
    }
    controller = owner.name;
  }
  return faults;
}

function checkFinalizers({ finalizers = [] }: ObjectMeta): FieldError[] {
  const path = 'metadata.finalizers';
  const faults = finalizers.flatMap((finalizer) => grammar(path, finalizer, qualifiedNameFaults));
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    faults.push(invalid(path, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'));
  }
  return faults;
}

function checkChanges(now: ObjectMeta, before: ObjectMeta): FieldError[] {
  const faults: FieldError[] = [];
  if (now.name !== before.name) faults.push(invalid('metadata.name', now.name, immutable));
  if (now.namespace !== before.namespace) faults.push(invalid('metadata.namespace', now.namespace ?? '', immutable));
  if (now.uid !== before.uid) faults.push(invalid('metadata.uid', now.uid, immutable));
  for (const field of ['creationTimestamp', 'deletionTimestamp'] as const) {
    if (now[field] !== before[field]) faults.push(timeFixed(`metadata.${field}`, now[field]));
  }
  if (now.deletionGracePeriodSeconds !== before.deletionGracePeriodSeconds) {
    faults.push(invalid('metadata.deletionGracePeriodSeconds', now.deletionGracePeriodSeconds, immutable));
  }
  if (before.deletionTimestamp) {
    const added = (now.finalizers ?? []).filter((finalizer) => !before.finalizers?.includes(finalizer));
    if (added.length > 0) {
      faults.push(
        fieldForbidden(
          'metadata.finalizers',
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added
            .sort()
            .map((name) => JSON.stringify(name))
            .join(', ')}}`,
        ),
      );
    }
  }
  return faults;
}

/** The fault of a time that may not change, which is shown as Go prints times. */
function timeFixed(field: string, time: string | undefined): FieldError {
  const shown = time?.replace('T', ' ').replace('Z', ' +0000 UTC') ?? 'null';
  return { field, reason: 'FieldValueInvalid', message: `Invalid value: ${shown}: ${immutable}` };
}

/** One fault when a field changed. */
export function unchanged(path: string, now: unknown, before: unknown): FieldError[] {
  return equal(now, before) ? [] : [invalid(path, now, immutable)];
}
