/** Cron schedules in Kubernetes' dialect: five fields, names of months and days, steps, `@hourly` and its like, `@every 90s`. */

/** The values of each field that a time must have; or a fixed distance between runs. */
export type CronSchedule =
  | {
      minutes: ReadonlySet<number>;
      hours: ReadonlySet<number>;
      /** 1 to 31. */
      days: ReadonlySet<number>;
      /** 1 to 12. */
      months: ReadonlySet<number>;
      /** 0 (Sunday) to 6. */
      weekdays: ReadonlySet<number>;
      /** Whether a day must fit both `days` and `weekdays`; one of them is enough when both are restricted. */
      bothDays: boolean;
    }
  | { everyMs: number };

/** Thrown for text that is not a schedule. */
export class CronError extends Error {
  override readonly name = 'CronError';
}

interface Bounds {
  least: number;
  most: number;
  names?: readonly string[];
}

const minutes: Bounds = { least: 0, most: 59 };
const hours: Bounds = { least: 0, most: 23 };
const days: Bounds = { least: 1, most: 31 };
const months: Bounds = {
  least: 1,
  most: 12,
  names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
};
const weekdays: Bounds = { least: 0, most: 6, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] };

const descriptors: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

/** Parses a schedule; throws CronError with the sentence a user will read. */
export function parseCron(text: string): CronSchedule {
  const source = text.trim();
  if (source === '') throw new CronError('empty spec string');
  if (source.startsWith('@every ')) return { everyMs: parseEvery(source.slice('@every '.length)) };
  if (source.startsWith('@') && !Object.hasOwn(descriptors, source)) {
    throw new CronError(`unrecognized descriptor: ${source}`);
  }
  const fields = (descriptors[source] ?? source).split(/\s+/);
  if (fields.length !== 5) {
    throw new CronError(`expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`);
  }
  const [minute, hour, day, month, weekday] = fields as [string, string, string, string, string];
  return {
    minutes: parseField(minute, minutes),
    hours: parseField(hour, hours),
    days: parseField(day, days),
    months: parseField(month, months),
    weekdays: parseField(weekday, weekdays),
    bothDays: isStar(day) || isStar(weekday),
  };
}

function isStar(field: string): boolean {
  // A star with a step is a restriction like any other.
  return field.split(',').some((part) => /^[*?](\/1)?$/.test(part));
}

function parseField(field: string, bounds: Bounds): Set<number> {
  const values = new Set<number>();
  for (const part of field.split(',')) {
    const { from, to, step } = parseRange(part, bounds);
    for (let value = from; value <= to; value += step) values.add(value);
  }
  return values;
}

function parseRange(part: string, bounds: Bounds): { from: number; to: number; step: number } {
  const [range, stepText, ...rest] = part.split('/') as [string, string?, ...string[]];
  if (rest.length > 0) throw new CronError(`too many slashes: ${part}`);
  const [fromText, toText, ...more] = range.split('-') as [string, string?, ...string[]];
  if (more.length > 0) throw new CronError(`too many hyphens: ${part}`);
  const star = fromText === '*' || fromText === '?';
  const from = star ? bounds.least : parseValue(fromText, bounds);
  const single = stepText === undefined ? from : bounds.most;
  const to = star ? bounds.most : toText === undefined ? single : parseValue(toText, bounds);
  const step = stepText === undefined ? 1 : parseNumber(stepText);
  if (from < bounds.least) throw new CronError(`beginning of range (${from}) below minimum (${bounds.least}): ${part}`);
  if (to > bounds.most) throw new CronError(`end of range (${to}) above maximum (${bounds.most}): ${part}`);
  if (from > to) throw new CronError(`beginning of range (${from}) beyond end of range (${to}): ${part}`);
  if (step === 0) throw new CronError(`step of range should be a positive number: ${part}`);
  return { from, to, step };
}

function parseValue(text: string, { names, least }: Bounds): number {
  const named = names?.indexOf(text.toLowerCase()) ?? -1;
  return named >= 0 ? named + least : parseNumber(text);
}

function parseNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) {
    throw new CronError(
      `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  }
  return Number(text);
}

const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** Go's text of a duration, in whole seconds and at least one. */
function parseEvery(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)];
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== text) {
    throw new CronError(`failed to parse duration @every ${text}: time: invalid duration ${JSON.stringify(text)}`);
  }
  const ms = parts.reduce((sum, [, count, unit]) => sum + Number(count) * units[unit!]!, 0);
  return Math.max(1000, Math.floor(ms / 1000) * 1000);
}
