import type { Namespace } from '#lib/kinds/gen/core-v1.ts';

/** Whether the namespace is on its way out and takes nothing new. */
export function isGoing({ metadata, status }: Namespace): boolean {
  return metadata.deletionTimestamp !== undefined || status?.phase === 'Terminating';
}
