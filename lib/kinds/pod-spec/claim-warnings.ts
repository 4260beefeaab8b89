/** Warnings of volume claims. */
import { parseQuantity } from '#lib/meta/quantities.ts';
import type { PersistentVolumeClaimSpec } from '../gen/core-v1.ts';

type Amounts = Readonly<Record<string, number | string>> | undefined;

/** Of a claim's spec, wherever it stands. */
export function claimWarnings(path: string, { resources }: PersistentVolumeClaimSpec): string[] {
  return (['requests', 'limits'] as const).flatMap((side) =>
    fractionWarnings(`${path}.resources.${side}`, resources?.[side], ['storage']),
  );
}

/** Bytes come whole. */
export function fractionWarnings(path: string, amounts: Amounts, names: readonly string[]): string[] {
  return names.flatMap((name) => {
    const amount = amounts?.[name];
    return amount !== undefined && isFraction(amount)
      ? [`${path}[${name}]: fractional byte value ${JSON.stringify(String(amount))} is invalid, must be an integer`]
      : [];
  });
}

function isFraction(amount: number | string): boolean {
  return parseQuantity(amount) % 1_000_000_000n !== 0n;
}
