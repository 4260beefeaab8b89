/** Where events go: a bounded buffer before a place that may be slow, or fail. */
import type { Env } from '#lib/env/env.ts';
import type { Registry } from '#lib/metrics/registry.ts';

/** Takes bytes; rejects when they are lost, all or in part. One call at a time. */
export interface Target {
  append(bytes: Buffer): Promise<void>;
  close(): Promise<void>;
}

export interface Sink {
  /** Takes a line. */
  write(line: string): void;
  /** Undefined when there is room; else resolves when there is again, or after a second. */
  room(): Promise<void> | undefined;
  /** Writes what is buffered, as far as that goes within two seconds. */
  close(): Promise<void>;
}

/** Characters that may wait to be written; lines beyond are lost. */
const mostBuffered = 16 * 1024 * 1024;
/** With more than this waiting, requests are held up. */
const fewBuffered = mostBuffered / 2;

const holdMs = 1000;
const closeWithinMs = 2000;
/** Losses are told once in this time, with their number. */
const tellEveryMs = 60_000;

/**
 * Lines are written in the order they came, as many at a time as have gathered. When the target is slow, requests are held up, each for a second at most. When
 * it fails, or does not keep up even so, lines are lost, which is told in the log and counted: the API goes on.
 */
export function makeSink(target: Target, registry: Registry, env: Env): Sink {
  const errors = registry
    .counter(
      'apiserver_audit_error_total',
      '[ALPHA] Counter of audit events that failed to be audited properly. Plugin identifies the plugin affected by the error.',
      ['plugin'],
    )
    .with('log');
  const waiting = new Set<() => void>();
  let lines: string[] = [];
  let buffered = 0;
  let writing: Promise<void> | undefined;
  let lost = 0;
  let toldAt = -Infinity;

  const lose = (count: number, error: Error) => {
    errors.add(count);
    lost += count;
    if (env.monotonic() - toldAt < tellEveryMs) return;
    env.log.error('Events of the audit log are lost', { count: lost, error });
    toldAt = env.monotonic();
    lost = 0;
  };
  const writeAll = async () => {
    while (lines.length > 0) {
      const batch = lines;
      lines = [];
      const text = batch.join('');
      try {
        await target.append(Buffer.from(text));
      } catch (error) {
        lose(batch.length, error as Error);
      }
      buffered -= text.length;
      if (buffered <= fewBuffered) for (const wake of waiting) wake();
    }
    writing = undefined;
  };

  return {
    write(line) {
      if (buffered + line.length > mostBuffered) {
        lose(1, new Error(`more than ${mostBuffered} characters wait to be written`));
        return;
      }
      lines.push(line);
      buffered += line.length;
      writing ??= writeAll();
    },
    room() {
      if (buffered <= fewBuffered) return undefined;
      return new Promise((resolve) => {
        const done = () => {
          waiting.delete(done);
          cancel();
          resolve();
        };
        const cancel = env.after(holdMs, done);
        waiting.add(done);
      });
    },
    async close() {
      const late = Promise.withResolvers<void>();
      const cancel = env.after(closeWithinMs, late.resolve);
      await Promise.race([writing, late.promise]);
      cancel();
      await target.close();
    },
  };
}
