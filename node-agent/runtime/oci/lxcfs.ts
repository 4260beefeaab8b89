/** Where lxcfs is, which shows containers their own limits. */
import { existsSync } from 'node:fs';

/** Debian's place. */
export const usualLxcfs = '/usr/bin/lxcfs';

/** Throws an Error when it is not installed. */
export function demandLxcfs(lxcfs: string): void {
  if (!existsSync(lxcfs))
    throw new Error(`Cannot show containers their own limits: ${lxcfs} is missing; install lxcfs`);
}
