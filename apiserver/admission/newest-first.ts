/** Which of several defaults counts. */
import type { Resource } from '#lib/meta/object.ts';

/** The order of upstream: the newest first, and by name among those of one second. */
export function newestFirst({ metadata: a }: Resource, { metadata: b }: Resource): number {
  if (a.creationTimestamp !== b.creationTimestamp) return a.creationTimestamp < b.creationTimestamp ? 1 : -1;
  return a.name < b.name ? -1 : 1;
}
