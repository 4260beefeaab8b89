/** The patch types, by media type. */
import { applyStrategicMerge } from '#lib/kinds/strategic-merge.ts';
import { ApiError } from '#lib/meta/errors.ts';
import type { Resource } from '#lib/meta/object.ts';
import { applyJsonPatch, applyMergePatch } from '#lib/meta/patches.ts';
import type { ObjectType } from './decode.ts';

export const applyPatchType = 'application/apply-patch+yaml';

/** What the patch makes of the object; the result is yet to be decoded. Throws BadRequest or Invalid for a patch that cannot be applied. */
export function patched({ schema }: ObjectType, type: string, current: Resource, patch: unknown): unknown {
  switch (type) {
    case 'application/json-patch+json':
      return applyJsonPatch(current, patch);
    case 'application/merge-patch+json':
      return applyMergePatch(current, patch);
    case 'application/strategic-merge-patch+json':
      return applyStrategicMerge(current, patch, schema);
    default:
      throw new ApiError('UnsupportedMediaType', `the patch type ${type} is not known`);
  }
}

/** Whether a patch of one of these types may say anything about managedFields; most do not, and need not see them. */
export function touchesOwners(type: string, patch: unknown): boolean {
  if (type === 'application/json-patch+json') return JSON.stringify(patch).includes('metadata');
  const { metadata, $patch } = (patch ?? {}) as { metadata?: object | null; $patch?: unknown };
  return metadata === null || (metadata !== undefined && 'managedFields' in metadata) || $patch !== undefined;
}
