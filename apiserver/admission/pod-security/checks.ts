/** The Pod Security Standards: which checks a level consists of, and what they find in a pod. */
import { baselineChecks } from './baseline.ts';
import type { Subject, Violation } from './check.ts';
import type { Standard } from './policy.ts';
import { restrictedChecks } from './restricted.ts';

/** Everything in the pod that the standard forbids, in upstream's order. */
export function violationsOf({ level, minor }: Standard, pod: Subject): Violation[] {
  if (level === 'privileged') return [];
  const more = level === 'restricted' ? restrictedChecks.filter(({ since }) => since <= minor) : [];
  const replaced = new Set(more.map(({ replaces }) => replaces));
  const checks = [...baselineChecks.filter(({ id }) => !replaced.has(id)), ...more];
  return checks.flatMap((check) => check.find(pod, minor) ?? []);
}

/** The violations in one line, with what brings them about. */
export function detailText(violations: readonly Violation[]): string {
  return violations.map(({ reason, detail }) => (detail ? `${reason} (${detail})` : reason)).join(', ');
}
