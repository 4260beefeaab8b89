/** Structured logging. One line per record, either readable text or JSON; errors carry their cause chain. */

export type LogFields = Record<string, unknown>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log that adds these fields to each record. */
  with(fields: LogFields): Log;
}

const levels = { debug: 10, info: 20, warn: 30, error: 40 } as const;
export type LogLevel = keyof typeof levels;

export interface LogOptions {
  level: LogLevel;
  format: 'text' | 'json';
  write(line: string): void;
  now(): number;
}

/** Makes a log that writes one line per record at or above `level`. */
export function makeLog(options: LogOptions, base: LogFields = {}): Log {
  const emit = (level: LogLevel, message: string, fields: LogFields = {}) => {
    if (levels[level] < levels[options.level]) return;
    const record = { ...base, ...fields };
    options.write(
      options.format === 'json'
        ? asJson(options.now(), level, message, record)
        : asText(options.now(), level, message, record),
    );
  };
  return {
    debug: (message, fields) => emit('debug', message, fields),
    info: (message, fields) => emit('info', message, fields),
    warn: (message, fields) => emit('warn', message, fields),
    error: (message, fields) => emit('error', message, fields),
    with: (fields) => makeLog(options, { ...base, ...fields }),
  };
}

/** A log that drops everything, for tests that do not look at it. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  with: () => silentLog,
};

function asJson(now: number, level: LogLevel, message: string, fields: LogFields): string {
  return JSON.stringify({ time: new Date(now).toISOString(), level, message, ...fields }, (_key, value: unknown) =>
    value instanceof Error ? describeError(value) : typeof value === 'bigint' ? String(value) : value,
  );
}

function asText(now: number, level: LogLevel, message: string, fields: LogFields): string {
  const tail = Object.entries(fields).map(([key, value]) => ` ${key}=${asValue(value)}`);
  return `${new Date(now).toISOString()} ${level.toUpperCase().padEnd(5)} ${message}${tail.join('')}`;
}

function asValue(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(describeError(value));
  if (typeof value === 'string') return /^[\w./:@+-]+$/.test(value) ? value : JSON.stringify(value);
  if (typeof value === 'bigint') return String(value);
  return JSON.stringify(value) ?? 'undefined';
}

function describeError(error: Error): string {
  const cause = error.cause instanceof Error ? `: ${describeError(error.cause)}` : '';
  const code = 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : '';
  return `${error.message}${code}${cause}`;
}
