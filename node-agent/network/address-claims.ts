/**
 * Who holds which pod address: one symbolic link per address, named after it, whose target is the owner. Making a link
 * is atomic with its content and fails when it exists, so two claims never get one address, whatever dies when.
 */
import { mkdirSync, readdirSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { candidates } from './address-pool.ts';
import type { AddressPool } from './address-pool.ts';

export interface AddressClaims {
  /** The owner's address: the one it has, else a fresh one. Throws when the range is used up. */
  claim(owner: string): string;
  release(owner: string): void;
  /** Frees the addresses whose owner is not in `live`. */
  keepOnly(live: ReadonlySet<string>): void;
}

/** Opens the claims in `folder`, which one process uses at a time. */
export function openAddressClaims(folder: string, pool: AddressPool): AddressClaims {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const held = new Map<string, string>();
  for (const address of readdirSync(folder)) held.set(readlinkSync(join(folder, address)), address);
  let previous: string | undefined = newest([...held.values()]);
  const release = (owner: string) => {
    const address = held.get(owner);
    if (address === undefined) return;
    unlinkSync(join(folder, address));
    held.delete(owner);
  };
  return {
    claim(owner) {
      const has = held.get(owner);
      if (has !== undefined) return has;
      for (const address of candidates(pool, previous)) {
        if (!tryLink(owner, join(folder, address))) continue;
        held.set(owner, address);
        previous = address;
        return address;
      }
      throw new Error(`Cannot give pod ${owner} an address: the node's range has none left`);
    },
    release,
    keepOnly(live) {
      for (const owner of [...held.keys()]) if (!live.has(owner)) release(owner);
    },
  };
}

function tryLink(target: string, path: string): boolean {
  try {
    symlinkSync(target, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** After a restart, goes on behind the highest address held, for want of knowing the latest. */
function newest(addresses: string[]): string | undefined {
  const rank = (address: string) => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  return addresses.sort((a, b) => rank(a) - rank(b)).at(-1);
}
