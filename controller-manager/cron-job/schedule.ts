/** When a cron schedule is due next, in a time zone of its own. */
import { parseCron } from '#lib/meta/cron.ts';

export interface Schedule {
  /** The next time after `afterMs`, in milliseconds since the epoch; undefined when there is none within five years. */
  next(afterMs: number): number | undefined;
}

const weekdayNames = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const minuteMs = 60_000;
const horizonMs = 5 * 366 * 24 * 60 * minuteMs;

/** Parses `source` for a time zone (IANA; UTC when absent); throws CronError, or RangeError for an unknown zone. */
export function parseSchedule(source: string, timeZone = 'UTC'): Schedule {
  const cron = parseCron(source);
  // A fixed distance counts from the time asked about, in whole seconds.
  if ('everyMs' in cron) return { next: (afterMs) => Math.floor((afterMs + cron.everyMs) / 1000) * 1000 };
  const { minutes, hours, days, months, weekdays, bothDays } = cron;
  const read = clockIn(timeZone);
  const onDay = (at: WallTime) =>
    bothDays ? days.has(at.day) && weekdays.has(at.weekday) : days.has(at.day) || weekdays.has(at.weekday);
  return {
    next(afterMs) {
      let time = Math.floor(afterMs / minuteMs) * minuteMs + minuteMs;
      const end = afterMs + horizonMs;
      while (time <= end) {
        const at = read(time);
        // Leaps to the next hour only, as days may be 23 or 25 hours long.
        if (!months.has(at.month) || !onDay(at) || !hours.has(at.hour)) time += (60 - at.minute) * minuteMs;
        else if (!minutes.has(at.minute)) time += minuteMs;
        else return time;
      }
      return undefined;
    },
  };
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
      weekday: weekdayNames.indexOf(parts['weekday']!),
    };
  };
}
