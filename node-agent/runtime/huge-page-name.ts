/** Sizes of huge pages. Pure. */
import { formatQuantity } from '#lib/meta/quantities.ts';

/** A size as resources name it after `hugepages-`: `2Mi`. */
export function hugePageName(bytes: number): string {
  return formatQuantity(BigInt(bytes) * 1_000_000_000n, 'binary');
}
