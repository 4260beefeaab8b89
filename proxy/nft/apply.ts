/** Keeps the kernel's table like the fragments: changes in small transactions, and the whole when in doubt. */
import type { Env } from '#lib/env/env.ts';
import { demandCommand } from '#lib/env/command.ts';
import { changes } from './changes.ts';
import type { Fragments } from './changes.ts';
import { fullScript, removalScript } from './render.ts';
import type { TableOptions } from './render.ts';

export interface NftTable {
  /** Brings the table to `fragments`, of which those of `keys` may differ from last time. Rejects when it cannot. */
  apply(fragments: Fragments, keys: Iterable<string>): Promise<void>;
}

/** Makes the keeper of one table. The first apply() loads everything, whatever an earlier process left. */
export function makeNftTable(options: TableOptions, env: Env): NftTable {
  let applied: Fragments | undefined;
  const load = async (fragments: Fragments) => {
    await demandCommand('load all rules', 'nft', ['-f', '-'], fullScript(fragments.values(), options));
    applied = fragments;
  };
  return {
    async apply(fragments, keys) {
      const before = applied;
      if (!before) return load(fragments);
      const script = changes(options.table, before, fragments, keys);
      if (script === '') return;
      // Until it is known that this worked, nothing is known of the table.
      applied = undefined;
      try {
        await demandCommand('change rules', 'nft', ['-f', '-'], script);
        applied = fragments;
      } catch (error) {
        env.log.warn('Cannot change the table, loading it anew', { table: options.table, error });
        await load(fragments);
      }
    },
  };
}

/** Removes the table, if it is there. */
export async function removeNftTable(table: string): Promise<void> {
  await demandCommand('remove the rules', 'nft', ['-f', '-'], removalScript(table));
}
