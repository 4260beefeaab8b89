/** Numbers that may be given as a share: `2` or `"25%"`. */

/** The value of `source` out of `total`, a share rounded up or down; an unreadable text counts as 0. */
export function scaledValue(source: number | string | undefined, total: number, round: 'up' | 'down'): number {
  if (source === undefined) return 0;
  if (typeof source === 'number') return source;
  const percent = /^(\d+)%$/.exec(source);
  if (!percent) return 0;
  const share = (Number(percent[1]) * total) / 100;
  return round === 'up' ? Math.ceil(share) : Math.floor(share);
}
