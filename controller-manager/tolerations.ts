/** Which taints a toleration covers, by upstream's rules. */
import type { Taint, Toleration } from '#lib/kinds/gen/core-v1.ts';

/** An empty effect covers every effect, an empty key with `Exists` every key. */
export function tolerates({ key, operator = 'Equal', value = '', effect }: Toleration, taint: Taint): boolean {
  if (effect && effect !== taint.effect) return false;
  if (key && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  return Boolean(key) && value === (taint.value ?? '');
}
