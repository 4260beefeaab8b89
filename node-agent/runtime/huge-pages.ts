/** The machine's huge pages, as its kernel has set them aside. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

export interface HugePagePool {
  /** Of one page. */
  bytes: number;
  pages: number;
}

/** One pool for each size that the kernel knows, the smaller first; none on a kernel without huge pages. */
export function readHugePages(folder = '/sys/kernel/mm/hugepages'): HugePagePool[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .flatMap((name) => {
      const kibi = /^hugepages-(\d+)kB$/.exec(name)?.[1];
      if (kibi === undefined) return [];
      return [{ bytes: Number(kibi) * 1024, pages: Number(readFileSync(`${folder}/${name}/nr_hugepages`, 'utf8')) }];
    })
    .sort((a, b) => a.bytes - b.bytes);
}
