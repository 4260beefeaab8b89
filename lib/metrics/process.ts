/** What a process takes, under the names that Prometheus' libraries give it. */
import { readFileSync, readdirSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { Env } from '../env/env.ts';
import type { Reading, Registry } from './registry.ts';

/** Registers them; they are read when somebody asks. */
export function measureProcess(registry: Registry, env: Pick<Env, 'now'>): void {
  const startedAt = env.now() / 1000 - process.uptime();
  const one = (read: () => number) => (): Reading[] => [[[], read()]];
  const gauge = (name: string, help: string, read: () => number) =>
    registry.reading('gauge', name, help, [], one(read));
  registry.reading(
    'counter',
    'process_cpu_seconds_total',
    'Total user and system CPU time spent in seconds.',
    [],
    one(() => (process.cpuUsage().user + process.cpuUsage().system) / 1e6),
  );
  gauge('process_start_time_seconds', 'Start time of the process since unix epoch in seconds.', () => startedAt);
  gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', () => process.memoryUsage.rss());
  gauge('process_virtual_memory_bytes', 'Virtual memory size in bytes.', virtualBytes);
  gauge('process_open_fds', 'Number of open file descriptors.', () => readdirSync('/proc/self/fd').length);
  gauge('process_max_fds', 'Maximum number of open file descriptors.', mostFiles);
  gauge('nodejs_heap_size_used_bytes', 'Heap in use in bytes.', () => process.memoryUsage().heapUsed);
  gauge('nodejs_heap_size_total_bytes', 'Heap reserved in bytes.', () => process.memoryUsage().heapTotal);
  gauge(
    'nodejs_external_memory_bytes',
    'Memory of objects outside the heap in bytes.',
    () => process.memoryUsage().external,
  );
  registry.reading(
    'counter',
    'nodejs_eventloop_active_seconds_total',
    'Time that the event loop was busy, in seconds.',
    [],
    one(() => performance.eventLoopUtilization().active / 1000),
  );
  registry.reading('gauge', 'nodejs_version_info', 'Version of Node.js.', ['version'], () => [[[process.version], 1]]);
}

const pageBytes = 4096;

function virtualBytes(): number {
  return Number(readFileSync('/proc/self/statm', 'utf8').split(' ', 1)[0]) * pageBytes;
}

function mostFiles(): number {
  const limit = /^Max open files +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return limit === undefined || limit === 'unlimited' ? Infinity : Number(limit);
}
