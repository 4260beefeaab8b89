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
