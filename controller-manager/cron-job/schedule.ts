/** Kubernetes' dialect of cron schedules: five fields, names of months and days, steps, and `@hourly` and the like. */

export interface Schedule {
  /** The next time after `afterMs`, in milliseconds since the epoch; undefined when there is none within five years. */
  next(afterMs: number): number | undefined;
}

const names: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const minuteMs = 60_000;
const horizonMs = 5 * 366 * 24 * 60 * minuteMs;

interface Field {
  values: ReadonlySet<number>;
  /** A star leaves the other of the two day fields alone to decide. */
  star: boolean;
}

/** Parses `source` for a time zone (IANA; the machine's clock is UTC when absent); throws for what upstream refuses. */
export function parseSchedule(source: string, timeZone = 'UTC'): Schedule {
  const text = source.trim();
  const every = /^@every (.+)$/.exec(text);
  if (every) return everyFrom(durationMs(every[1]!));
  const fields = (names[text] ?? text).split(/\s+/);
  if (fields.length !== 5) throw new Error(`expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`);
  const [minute, hour, day, month, weekday] = [
    parseField(fields[0]!, 0, 59),
    parseField(fields[1]!, 0, 23),
    parseField(fields[2]!, 1, 31),
    parseField(fields[3]!, 1, 12, months, 1),
    parseField(fields[4]!, 0, 6, weekdays),
  ];
  const read = clockIn(timeZone);
  const onDay = (at: WallTime) =>
    day.star || weekday.star
      ? day.values.has(at.day) && weekday.values.has(at.weekday)
      : day.values.has(at.day) || weekday.values.has(at.weekday);
  return {
    next(afterMs) {
      let time = Math.floor(afterMs / minuteMs) * minuteMs + minuteMs;
      const end = afterMs + horizonMs;
      while (time <= end) {
        const at = read(time);
        // Leaps to the next hour only, as days may be 23 or 25 hours long.
        if (!month.values.has(at.month) || !onDay(at) || !hour.values.has(at.hour)) time += (60 - at.minute) * minuteMs;
        else if (!minute.values.has(at.minute)) time += minuteMs;
        else return time;
      }
      return undefined;
    },
  };
}

/** The rate of `@every`, counted from the time asked about and rounded to whole seconds. */
function everyFrom(intervalMs: number): Schedule {
  const interval = Math.max(1000, Math.floor(intervalMs / 1000) * 1000);
  return { next: (afterMs) => Math.floor((afterMs + interval) / 1000) * 1000 };
}

function durationMs(text: string): number {
  const units = { ms: 1, s: 1000, m: minuteMs, h: 60 * minuteMs } as const;
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) throw new Error(`failed to parse duration ${text}`);
  return [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)].reduce(
    (sum, [, value, unit]) => sum + Number(value) * units[unit as keyof typeof units],
    0,
  );
}

function parseField(text: string, low: number, high: number, words: readonly string[] = [], firstWord = 0): Field {
  const values = new Set<number>();
  let star = false;
  for (const part of text.split(',')) {
    const match = /^(\*|\?|\w+)(?:-(\w+))?(?:\/(\d+))?$/.exec(part);
    if (!match) throw new Error(`failed to parse field ${text}`);
    const [, from, to, stepText] = match;
    const any = from === '*' || from === '?';
    if (any && to !== undefined) throw new Error(`failed to parse field ${text}`);
    const step = stepText === undefined ? 1 : Number(stepText);
    const first = any ? low : valueOf(from!, words, firstWord);
    // `5/10` starts at 5 and goes on to the end.
    const last =
      any || (to === undefined && stepText !== undefined)
        ? high
        : to === undefined
          ? first
          : valueOf(to, words, firstWord);
    if (step === 0 || first < low || last > high || first > last)
      throw new Error(`value out of range in field ${text}`);
    if (any && step === 1) star = true;
    for (let value = first; value <= last; value += step) values.add(value);
  }
  return { values, star };
}

function valueOf(text: string, words: readonly string[], firstWord: number): number {
  const word = words.indexOf(text.toLowerCase());
  if (word >= 0) return word + firstWord;
  if (!/^\d+$/.test(text)) throw new Error(`failed to parse ${text} as a number`);
  return Number(text);
}

interface WallTime {
  minute: number;
  hour: number;
  day: number;
  month: number;
  weekday: number;
}

/** What a clock on the wall of that zone shows; throws for an unknown zone. */
function clockIn(timeZone: string): (ms: number) => WallTime {
  if (timeZone === 'UTC' || timeZone === 'Etc/UTC') {
    return (ms) => {
      const date = new Date(ms);
      return {
        minute: date.getUTCMinutes(),
        hour: date.getUTCHours(),
        day: date.getUTCDate(),
        month: date.getUTCMonth() + 1,
        weekday: date.getUTCDay(),
      };
    };
  }
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    weekday: 'short',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  });
  return (ms) => {
    const parts = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, value]));
    return {
      minute: Number(parts['minute']),
      hour: Number(parts['hour']),
      day: Number(parts['day']),
      month: Number(parts['month']),
      weekday: weekdays.indexOf(parts['weekday']!.toLowerCase()),
    };
  };
}
