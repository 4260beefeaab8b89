/** emptyDir volumes: a folder of the pod's own, on the disk, in memory or in huge pages. */
import { chmod, mkdir } from 'node:fs/promises';
import type { EmptyDirVolumeSource, Pod } from '#lib/kinds/gen/core-v1.ts';
import { unitsOf } from '#lib/meta/quantities.ts';
import { podResources } from '../lifecycle/resources.ts';
import { mountFileSystem, mountPoints } from './mounts.ts';

/**
 * Makes the folder; does nothing to one that is there. One in memory takes no more than its limit, what the pod may use, and `memoryBytes`, which the
 * node gives to pods. Rejects for huge pages that the pod's containers do not ask for.
 */
export async function emptyDir(
  folder: string,
  pod: Pod,
  { medium = '', sizeLimit }: EmptyDirVolumeSource,
  memoryBytes: number,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o777);
  if (medium === '' || (await mountPoints()).includes(folder)) return;
  if (medium === 'Memory') {
    const { memoryLimitBytes = memoryBytes } = podResources(pod);
    const limit = sizeLimit === undefined ? 0 : unitsOf(sizeLimit);
    const bytes = Math.min(memoryBytes, memoryLimitBytes, ...(limit > 0 ? [limit] : []));
    await mountFileSystem('tmpfs', folder, `mode=0777,size=${bytes}`);
  } else {
    await mountFileSystem('hugetlbfs', folder, `mode=0777,pagesize=${hugePageSize(pod, medium)}`);
  }
}

const resourcePrefix = 'hugepages-';

/** The page size that a medium `HugePages` or `HugePages-2Mi` means for a pod, `2Mi`. Throws upstream's sentences. */
export function hugePageSize({ spec }: Pod, medium: string): string {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const asked = new Set(
    containers.flatMap(({ resources }) =>
      Object.keys(resources?.requests ?? resources?.limits ?? {}).flatMap((name) =>
        name.startsWith(resourcePrefix) ? [name.slice(resourcePrefix.length)] : [],
      ),
    ),
  );
  const [, wanted] = medium.split('-');
  if (asked.size === 0) throw new Error('hugePages storage requested, but there is no resource request for huge pages');
  if (wanted === undefined) {
    if (asked.size > 1)
      throw new Error(`medium: ${medium} can't be used if container requests multiple huge page sizes`);
    return [...asked][0]!;
  }
  if (!asked.has(wanted)) throw new Error(`hugePages medium ${medium} requires a resource request for its page size`);
  return wanted;
}
