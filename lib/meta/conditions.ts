/** Status conditions: a list with at most one entry a type, whose transition time moves only when the status does. */

export interface Condition {
  type: string;
  status: string;
  reason?: string | undefined;
  message?: string | undefined;
  lastTransitionTime?: string | undefined;
}

/** The condition of this type. */
export function conditionOf<C extends { type: string }>(
  conditions: readonly C[] | undefined,
  type: string,
): C | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** Whether the condition of this type is `True`. */
export function isTrue(conditions: readonly { type: string; status: string }[] | undefined, type: string): boolean {
  return conditionOf(conditions, type)?.status === 'True';
}

/** The list with `next` in place of the one of its type, whole; `now` becomes its transition time unless the status stays as it was. */
export function withCondition<C extends Condition>(conditions: readonly C[] | undefined, next: C, now: string): C[] {
  const list = conditions ?? [];
  const before = conditionOf(list, next.type);
  const lastTransitionTime = before?.status === next.status ? (before.lastTransitionTime ?? now) : now;
  const placed = { ...next, lastTransitionTime };
  return before ? list.map((item) => (item === before ? placed : item)) : [...list, placed];
}
