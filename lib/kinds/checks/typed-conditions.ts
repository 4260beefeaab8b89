/** Faults of conditions that are known by their types. */
import { duplicate, required, type FieldError } from '#lib/meta/errors.ts';

/** Every condition has a type, and no two have the same. */
export function checkTypedConditions(
  path: string,
  conditions: readonly { type?: string | undefined }[] | undefined,
): FieldError[] {
  const seen = new Set<string>();
  return (conditions ?? []).flatMap(({ type = '' }, i) => {
    const at = `${path}[${i}].type`;
    const faults = seen.has(type) ? [duplicate(at, type)] : [];
    seen.add(type);
    return type === '' ? [...faults, required(at, 'must not be empty')] : faults;
  });
}
