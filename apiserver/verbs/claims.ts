/**
 * Things of which there are only so many, each held by one object: a key in the store says by whom, made by compare-and-put, so that two
 * servers never give one away twice. A claim is made before its object is written and outlives a crash in between; repair frees it later.
 */
import type { Env } from '#lib/env/env.ts';
import type { Range } from '#lib/meta/ranges.ts';
import type { Store } from '../store/types.ts';

/** Who holds a claim. */
export interface Holder {
  /** For people who look into the store. */
  key: string;
  uid: string;
}

export type Refusal = 'full' | 'taken' | 'out of range';

export interface Claims {
  readonly range: Range;
  /** Takes this item; 'taken' when another holds it. Taking what one holds already is fine. */
  take(item: string, holder: Holder): Promise<Refusal | undefined>;
  /** Takes any free item, of the band that is not meant for items asked for by name as long as there are any. */
  takeAny(holder: Holder): Promise<{ item: string } | 'full'>;
  /** Whether someone else holds the item. */
  isTaken(item: string, holder: Holder): Promise<boolean>;
  /** Gives the item back, if this holder has it. */
  free(item: string, holder: Holder): Promise<void>;
  /** Frees what is held by none of `holders` (item -> uid) and takes what they should hold. */
  repair(holders: ReadonlyMap<string, Holder>): Promise<void>;
}

interface Claim extends Holder {
  /** Milliseconds since the epoch. */
  at: number;
}

/** Guesses before the free ones are counted. */
const guesses = 16;

/** A claim younger than this may belong to an object that is just being written. */
const settledAfterMs = 60_000;

/** `wished`: offsets up to this one are left to those who ask for them by name, where there are more. */
export function makeClaims(store: Store, env: Env, folder: string, range: Range, wished: number): Claims {
  const reserved = wished < range.size ? wished : 0;
  const keyOf = (item: string) => `/ranges/${folder}/${item}`;
  const read = (value: Buffer) => JSON.parse(value.toString()) as Claim;
  const put = async (item: string, { key, uid }: Holder): Promise<boolean> => {
    const claim: Claim = { key, uid, at: env.now() };
    const outcome = await store.put(keyOf(item), Buffer.from(JSON.stringify(claim)), 0n);
    return outcome.ok || (outcome.current !== undefined && read(outcome.current.value).uid === uid);
  };
  const pick = (from: number, to: number) => from + Math.floor(env.random() * (to - from + 1));
  const heldItems = async () => {
    const { items } = await store.list(`/ranges/${folder}/`);
    return new Map(items.map((stored) => [stored.key.slice(keyOf('').length), stored]));
  };

  return {
    range,

    async take(item, holder) {
      if (!range.includes(item)) return 'out of range';
      return (await put(item, holder)) ? undefined : 'taken';
    },

    async takeAny(holder) {
      for (let i = 0; i < guesses; i++) {
        const item = range.at(pick(reserved + 1, range.size));
        if (await put(item, holder)) return { item };
      }
      const held = await heldItems();
      const [upper, lower]: string[][] = [[], []];
      for (let offset = 1; offset <= range.size; offset++) {
        const item = range.at(offset);
        if (!held.has(item)) (offset > reserved ? upper : lower)!.push(item);
      }
      for (const item of [...upper!, ...lower!]) if (await put(item, holder)) return { item };
      return 'full';
    },

    async isTaken(item, { uid }) {
      const stored = await store.get(keyOf(item));
      return stored !== undefined && read(stored.value).uid !== uid;
    },

    async free(item, { uid }) {
      const stored = await store.get(keyOf(item));
      if (stored && read(stored.value).uid === uid) await store.delete(stored.key, stored.revision);
    },

    async repair(holders) {
      const held = await heldItems();
      for (const [item, stored] of held) {
        const claim = read(stored.value);
        const isRight = holders.get(item)?.uid === claim.uid;
        if (isRight || claim.at + settledAfterMs > env.now()) continue;
        env.log.warn('Frees what its holder has lost', { item, holder: claim.key });
        await store.delete(stored.key, stored.revision);
        held.delete(item);
      }
      for (const [item, holder] of holders) {
        if (!held.has(item) && range.includes(item)) await put(item, holder);
      }
    },
  };
}
