/** The refusal of an apply that would change what others own, in upstream's words. */
import { ApiError } from '#lib/meta/errors.ts';
import { difference, isEmpty, leaf, pathsOf, union } from './field-set.ts';
import type { FieldSet } from './field-set.ts';
import type { ManagerEntry } from './managers.ts';
import type { Conflict } from './ownership.ts';

/** `toldVersion` is shown in place of the version in which a field is owned. */
export function conflictError(conflicts: readonly Conflict[], toldVersion?: string): ApiError {
  const all = conflicts.flatMap(({ entry, fields }) =>
    pathsOf(fields).map((field) => ({ manager: describe(entry, toldVersion), field })),
  );
  const causes = all.map(({ manager, field }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${manager}`,
    field,
  }));
  return new ApiError('Conflict', messageOf(all), { causes });
}

/** The fields of all conflicts. */
export function fieldsOfConflicts(conflicts: readonly Conflict[]): FieldSet {
  return conflicts.reduce<FieldSet>((all, { fields }) => union(all, fields), leaf);
}

/** The conflicts over fields that are not in `allowed`. */
export function conflictsWithout(conflicts: readonly Conflict[], allowed: FieldSet): Conflict[] {
  return conflicts
    .map(({ entry, fields }) => ({ entry, fields: difference(fields, allowed) }))
    .filter(({ fields }) => !isEmpty(fields));
}

function messageOf(all: readonly { manager: string; field: string }[]): string {
  const [first] = all;
  if (first && all.length === 1) return `Apply failed with 1 conflict: conflict with ${first.manager}: ${first.field}`;
  const byManager = Map.groupBy(all, ({ manager }) => manager);
  const lines = [...byManager].flatMap(([manager, conflicts]) => [
    `conflicts with ${manager}:`,
    ...conflicts.map(({ field }) => `- ${field}`),
  ]);
  return `Apply failed with ${all.length} conflicts: ${lines.join('\n')}`;
}

function describe({ manager, operation, apiVersion, subresource }: ManagerEntry, toldVersion = apiVersion): string {
  const name = JSON.stringify(manager) + (subresource ? ` with subresource ${JSON.stringify(subresource)}` : '');
  if (operation === 'Apply') return name;
  return `${name} using ${toldVersion}`;
}
