/** Figures as a table, with the spread that a single number hides. */

/** Median and other quantiles of samples, in their own unit. */
export function quantile(samples: readonly number[], part: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN;
}

/** Prints rows under their column names, numbers to the right. */
export function printTable(title: string, rows: readonly Record<string, string | number>[]): void {
  const names = Object.keys(rows[0] ?? {});
  const text = (value: string | number | undefined) =>
    typeof value === 'number' ? (Number.isInteger(value) ? String(value) : value.toFixed(1)) : (value ?? '');
  const widths = names.map((name) => Math.max(name.length, ...rows.map((row) => text(row[name]).length)));
  const line = (cells: readonly string[], numeric: (i: number) => boolean) =>
    cells.map((cell, i) => (numeric(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join('  ');
  const isNumber = (i: number) => typeof rows[0]?.[names[i]!] === 'number';
  console.log(`\n${title}`);
  console.log(line(names, isNumber));
  for (const row of rows)
    console.log(
      line(
        names.map((name) => text(row[name])),
        isNumber,
      ),
    );
}
