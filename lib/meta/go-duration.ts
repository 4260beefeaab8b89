/** Durations as Go writes them: `300ms`, `-1.5h`, `2h45m`. */

const unitsMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** The duration in milliseconds, or the complaint of Go's `time.ParseDuration`. */
export function parseGoDuration(text: string): { ms: number } | { fault: string } {
  const quoted = JSON.stringify(text);
  const unsigned = text.replace(/^[+-]/, '');
  if (unsigned === '0') return { ms: 0 };
  if (unsigned === '') return { fault: `time: invalid duration ${quoted}` };
  let ms = 0;
  for (let rest = unsigned; rest !== '';) {
    const [all = '', number, unit = ''] = /^(\d+\.?\d*|\.\d+)([^\d.]*)/.exec(rest) ?? [];
    if (number === undefined) return { fault: `time: invalid duration ${quoted}` };
    if (unit === '') return { fault: `time: missing unit in duration ${quoted}` };
    if (!Object.hasOwn(unitsMs, unit)) return { fault: `time: unknown unit "${unit}" in duration ${quoted}` };
    ms += Number(number) * unitsMs[unit]!;
    rest = rest.slice(all.length);
  }
  // Go counts nanoseconds in 64 bits.
  if (ms * 1e6 >= 2 ** 63) return { fault: `time: invalid duration ${quoted}` };
  return { ms: text.startsWith('-') ? -ms : ms };
}

/** As Go's `Duration.String()`: `100ms`, `1m30s`, `5m0s`. */
export function formatGoDuration(ms: number): string {
  const sign = ms < 0 ? '-' : '';
  const whole = Math.abs(ms);
  if (whole === 0) return '0s';
  if (whole < 1000) {
    const [unit, size] = whole >= 1 ? ['ms', 1] : whole >= 1e-3 ? ['µs', 1e-3] : ['ns', 1e-6];
    return `${sign}${rounded(whole / size)}${unit}`;
  }
  const hours = Math.floor(whole / 3_600_000);
  const minutes = Math.floor((whole % 3_600_000) / 60_000);
  const parts = [hours > 0 ? `${hours}h` : '', hours > 0 || minutes > 0 ? `${minutes}m` : ''];
  return `${sign}${parts.join('')}${rounded((whole % 60_000) / 1000)}s`;
}

/** To what Go can tell apart. */
function rounded(number: number): number {
  return Number(number.toFixed(9));
}
