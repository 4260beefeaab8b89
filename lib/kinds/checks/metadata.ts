/** Faults of `metadata`, which all kinds share (upstream's `ValidateObjectMeta`). */
import { equal } from '#lib/meta/equal.ts';
import { fieldForbidden, invalid, required, tooLong, type FieldError } from '#lib/meta/errors.ts';
import { goList, GoText } from '#lib/meta/go-text.ts';
import { labelNameFaults, labelValueFaults, prefixOf, qualifiedNameFaults, subdomainFaults } from '#lib/meta/names.ts';
import type { ObjectMeta, OwnerReference, Resource } from '#lib/meta/object.ts';
import type { Kind } from '../define-kind.ts';
import { goStruct, goStructs } from './go-value.ts';
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
  const changes = before ? checkChanges(metadata, before.metadata) : [];
  return [
    ...changes,
    // A name that has changed is told as that alone.
    ...(before && metadata.name !== before.metadata.name ? [] : checkNames(kind, metadata)),
    ...(metadata.generation !== undefined && metadata.generation < 0
      ? [invalid('metadata.generation', metadata.generation, 'must be greater than or equal to 0')]
      : []),
    ...checkLabels('metadata.labels', metadata.labels),
    ...checkAnnotations('metadata.annotations', metadata.annotations),
    ...checkOwners(metadata),
    ...checkFinalizers(kind, metadata),
  ];
}

function checkNames(kind: Kind, { name, generateName, namespace }: Partial<ObjectMeta>): FieldError[] {
  const faultsOf = kind.nameFaults ?? subdomainFaults;
  const faults: FieldError[] = [];
  if (generateName) {
    faults.push(
      ...faultsOf(prefixOf(generateName)).map((fault) => invalid('metadata.generateName', generateName, fault)),
    );
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
      faults.push(tooLong(path, maxAnnotationBytes));
    }
  }
  return faults;
}

const ownerReference = 'io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference';

/** Upstream's paths do not say which of the owners is meant. */
function checkOwners({ ownerReferences }: { ownerReferences?: Partial<OwnerReference>[] | undefined }): FieldError[] {
  const path = 'metadata.ownerReferences';
  const faults: FieldError[] = [];
  let controller: string | undefined;
  for (const owner of ownerReferences ?? []) {
    const { apiVersion = '', kind = '', name = '', uid = '' } = owner;
    if (!apiVersion) faults.push(invalid(`${path}.apiVersion`, apiVersion, 'version must not be empty'));
    if (!kind) faults.push(invalid(`${path}.kind`, kind, 'must not be empty'));
    if (!name) faults.push(invalid(`${path}.name`, name, 'must not be empty'));
    if (!uid) faults.push(invalid(`${path}.uid`, uid, 'must not be empty'));
    if (apiVersion === 'v1' && kind === 'Event') {
      const detail = '/v1, Kind=Event is disallowed from being an owner';
      faults.push(invalid(path, goStruct(ownerReference, owner), detail));
    }
    if (!owner.controller) continue;
    const identity = `${kind}/${name}`;
    if (controller === undefined) controller = identity;
    else {
      const one = 'Only one reference can have Controller set to true';
      const detail = `${one}. Found "true" in references for ${controller} and ${identity}`;
      faults.push(invalid(path, goStructs(ownerReference, ownerReferences), detail));
    }
  }
  return faults;
}

const standardFinalizers = ['kubernetes', 'orphan', 'foregroundDeletion'];
/** Groups that live outside of the main repository have finalizers of any name. */
const lenientGroups = ['admissionregistration.k8s.io', 'apiextensions.k8s.io', 'apiregistration.k8s.io'];

function checkFinalizers({ group, schema }: Kind, { finalizers = [] }: ObjectMeta): FieldError[] {
  const path = 'metadata.finalizers';
  const faults = finalizers.flatMap((name) => grammar(path, name, qualifiedNameFaults));
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    const detail = 'finalizer orphan and foregroundDeletion cannot be both set';
    faults.push(invalid(path, goList('string', finalizers), detail));
  }
  if (!schema.startsWith('io.k8s.') || lenientGroups.includes(group)) return faults;
  return [...faults, ...finalizers.flatMap((name, i) => checkStandard(`${path}[${i}]`, name))];
}

/** A finalizer's name by all the rules. */
export function checkFinalizer(path: string, name: string): FieldError[] {
  return [...grammar(path, name, qualifiedNameFaults), ...checkStandard(path, name)];
}

function checkStandard(path: string, name: string): FieldError[] {
  if (name.includes('/') || standardFinalizers.includes(name)) return [];
  return [invalid(path, name, 'name is neither a standard finalizer name nor is it fully qualified')];
}

function checkChanges(now: ObjectMeta, before: ObjectMeta): FieldError[] {
  const faults: FieldError[] = [];
  if (before.deletionTimestamp) {
    const added = (now.finalizers ?? []).filter((finalizer) => !before.finalizers?.includes(finalizer)).sort();
    if (added.length > 0) {
      const rule = 'no new finalizers can be added if the object is being deleted, found new finalizers';
      faults.push(fieldForbidden('metadata.finalizers', `${rule} ${goList('string', added).text}`));
    }
  }
  if ((now.generation ?? 0) < (before.generation ?? 0)) {
    faults.push(invalid('metadata.generation', now.generation ?? 0, 'must not be decremented'));
  }
  if (now.name !== before.name) faults.push(invalid('metadata.name', now.name, immutable));
  if (now.namespace !== before.namespace) faults.push(invalid('metadata.namespace', now.namespace ?? '', immutable));
  if (now.uid !== before.uid) faults.push(invalid('metadata.uid', now.uid, immutable));
  for (const field of ['creationTimestamp', 'deletionTimestamp'] as const) {
    if (now[field] !== before[field]) faults.push(timeFixed(`metadata.${field}`, now[field]));
  }
  if (now.deletionGracePeriodSeconds !== before.deletionGracePeriodSeconds) {
    faults.push(invalid('metadata.deletionGracePeriodSeconds', now.deletionGracePeriodSeconds, immutable));
  }
  return faults;
}

/** The fault of a time that may not change, which is shown as Go prints times. */
function timeFixed(field: string, time: string | undefined): FieldError {
  return invalid(field, time && new GoText(time.replace('T', ' ').replace('Z', ' +0000 UTC')), immutable);
}

/** One fault when a field changed. */
export function unchanged(path: string, now: unknown, before: unknown): FieldError[] {
  return equal(now, before) ? [] : [invalid(path, now, immutable)];
}
