/** Files of a log that were set aside: their names, and which of them are to go. Pure, but for taking paths apart. */
import path from 'node:path';

const dayMs = 24 * 60 * 60 * 1000;

/** `audit.log` set aside is `audit-2026-01-02T15-04-05.000.log`, in UTC, as upstream names it. */
export function backupName(file: string, now: number): string {
  const { dir, name, ext } = path.parse(file);
  return path.join(dir, `${name}-${new Date(now).toISOString().slice(0, -1).replaceAll(':', '-')}${ext}`);
}

/** Of the names in the log's folder, those that are too old or too many. A limit of 0 is none. */
export function doomedBackups(
  file: string,
  names: readonly string[],
  now: number,
  { maxAgeDays, maxBackups }: { maxAgeDays: number; maxBackups: number },
): string[] {
  const backups = names
    .map((name) => ({ name, at: timeOf(file, name) }))
    .filter(({ at }) => !Number.isNaN(at))
    .sort((a, b) => b.at - a.at);
  return backups
    .filter(({ at }, i) => (maxBackups > 0 && i >= maxBackups) || (maxAgeDays > 0 && now - at > maxAgeDays * dayMs))
    .map(({ name }) => name);
}

/** When a file was set aside; NaN for one that is none of this log's. */
function timeOf(file: string, candidate: string): number {
  const { name, ext } = path.parse(file);
  if (!candidate.startsWith(`${name}-`) || !candidate.endsWith(ext)) return NaN;
  const time = candidate.slice(name.length + 1, candidate.length - ext.length);
  return /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}$/.test(time)
    ? Date.parse(`${time.slice(0, 10)}T${time.slice(11).replaceAll('-', ':')}Z`)
    : NaN;
}
