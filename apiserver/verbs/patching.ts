/** The patch types, by media type: what they make of an object, and how that is read. */
import { applyStrategicMerge } from '#lib/kinds/strategic-merge.ts';
import { decodeType, warningsOf } from '#lib/kinds/structure.ts';
import { copy } from '#lib/meta/equal.ts';
import { ApiError, badRequest, isReason } from '#lib/meta/errors.ts';
import { goPrint } from '#lib/meta/go-print.ts';
import type { Resource } from '#lib/meta/object.ts';
import { applyJsonPatch, applyMergePatch, unknownMembers } from '#lib/meta/patches.ts';
import { decodeObject } from './decode.ts';
import type { ObjectType } from './decode.ts';
import type { WriteOptions } from './types.ts';

export const applyPatchType = 'application/apply-patch+yaml';

const jsonPatchType = 'application/json-patch+json';
const mergePatchType = 'application/merge-patch+json';
const strategicPatchType = 'application/strategic-merge-patch+json';

/** What the patch makes of the object; the result is yet to be decoded. Throws what upstream answers to a patch that cannot be applied. */
export function patched({ schema }: ObjectType, type: string, current: Resource, patch: unknown): unknown {
  switch (type) {
    case jsonPatchType:
      return applyJsonPatch(current, patch);
    case mergePatchType:
      return applyMergePatch(current, patch);
    case strategicPatchType:
      return applyStrategicMerge(current, patch, schema);
    default:
      throw new ApiError('UnsupportedMediaType', `the patch type ${type} is not known`);
  }
}

/** Whether a patch of one of these types may say anything about managedFields; most do not, and need not see them. */
export function touchesOwners(type: string, patch: unknown): boolean {
  if (type === jsonPatchType) return JSON.stringify(patch).includes('metadata');
  const { metadata, $patch } = (patch ?? {}) as { metadata?: object | null; $patch?: unknown };
  return metadata === null || (metadata !== undefined && 'managedFields' in metadata) || $patch !== undefined;
}

/**
 * The patched object decoded. Rejects with Invalid, of a field `patch`, what does not fit the type; what the schema does not know is refused
 * likewise, or noted as a warning, as the options say.
 */
export function decodePatched(
  type: ObjectType,
  patchType: string,
  result: unknown,
  patch: unknown,
  options: WriteOptions,
): Resource {
  const { fieldValidation = 'Warn', notes } = options;
  // Decoding takes its argument over; upstream shows the JSON that it decodes, or the patch where there is none.
  const object = copy(result) as Resource;
  const refuse = (because: string) =>
    invalidPatch(patchType === strategicPatchType ? goPrint(patch) : JSON.stringify(result), because);
  const sort = patchType === strategicPatchType ? typesByConversion : typesByDecoding;
  let unknown: string[];
  try {
    sort(type, object);
    unknown = decodeType(type, object);
  } catch (error) {
    if (!isReason(error, 'BadRequest')) throw error;
    throw refuse(patchType === strategicPatchType ? asConversion(error.message) : error.message);
  }
  const faults = [...strictFaults(patchType, patch, options), ...unknown];
  if (faults.length > 0 && fieldValidation === 'Strict') throw refuse(`strict decoding error: ${faults.join(', ')}`);
  if (notes) notes.warnings = fieldValidation === 'Ignore' ? [] : faults;
  return object;
}

/** The object as an applied configuration leaves it, decoded. What the configuration says twice is refused, or noted, as the options say. */
export function decodeApplied(type: ObjectType, result: unknown, options: WriteOptions): Resource {
  const { duplicates = [], fieldValidation = 'Warn', notes } = options;
  const object = decodeObject(type, result, { ...options, duplicates: [] });
  if (duplicates.length === 0) return object;
  if (fieldValidation === 'Strict') {
    throw badRequest(`error strict decoding YAML: error converting YAML to JSON: ${duplicates.join(', ')}`);
  }
  if (fieldValidation === 'Warn') notes?.warnings.push(...duplicates.flatMap(warningsOf));
  return object;
}

/** What the patch itself says twice, or in vain. */
function strictFaults(patchType: string, patch: unknown, { duplicates = [] }: WriteOptions): string[] {
  if (patchType !== jsonPatchType) return [...duplicates];
  return [...duplicates, ...unknownMembers(patch)].map((fault) => `json patch ${fault}`);
}

/** An object that a client turned into another kind cannot be decoded as one of this. */
function typesByDecoding({ apiVersion, kind }: ObjectType, object: Partial<Resource> | null): void {
  if (object?.apiVersion === apiVersion && object.kind === kind) return;
  const [version = ''] = (object?.apiVersion ?? '').split('/').slice(-1);
  if (!object?.kind) throw new ApiError('BadRequest', `Object 'Kind' is missing in '${JSON.stringify(object)}'`);
  const scheme = 'in scheme "pkg/api/legacyscheme/scheme.go:30"';
  throw new ApiError('BadRequest', `no kind "${object.kind}" is registered for version "${version}" ${scheme}`);
}

/** Converting pays no attention to what an object says it is. */
function typesByConversion({ apiVersion, kind }: ObjectType, object: Resource): void {
  object.apiVersion = apiVersion;
  object.kind = kind;
}

/** Upstream converts what a strategic merge makes, and words a mismatch otherwise than where it decodes JSON. */
function asConversion(message: string): string {
  const [, value, wanted = ''] = /^json: cannot unmarshal (\w+)(?: [^ ]+)? into Go .* ?type (.+)$/.exec(message) ?? [];
  if (value === undefined) return message;
  const from = value === 'object' ? 'map' : value === 'array' ? 'slice' : value === 'number' ? 'int64' : value;
  if (wanted.startsWith('map[')) return `cannot restore map from ${from}`;
  if (wanted.startsWith('[]')) return `cannot restore slice from ${from}`;
  if (wanted.includes('.')) return `cannot restore struct from: ${from}`;
  const isConvertible = from === 'int64';
  return isConvertible && wanted === 'string' ? 'cannot convert int64 to string' : `unrecognized type: ${wanted}`;
}

function invalidPatch(value: string, because: string): ApiError {
  const message = `Invalid value: ${JSON.stringify(value)}: ${because}`;
  const causes = [{ reason: 'FieldValueInvalid', message, field: 'patch' }];
  // Upstream names no object, and no kind, where a patch is at fault.
  return new ApiError('Invalid', ` "" is invalid: patch: ${message}`, { causes });
}
