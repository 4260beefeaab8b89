import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { keyOf } from '#lib/meta/object.ts';

/** Keys of the claims that a pod uses, its own ephemeral ones among them. */
export function claimsOf({ metadata, spec }: Pod): string[] {
  const { namespace } = metadata;
  return (spec.volumes ?? []).flatMap(({ name, persistentVolumeClaim: claim, ephemeral }) => {
    if (claim) return [keyOf({ namespace, name: claim.claimName })];
    return ephemeral ? [keyOf({ namespace, name: `${metadata.name}-${name}` })] : [];
  });
}
