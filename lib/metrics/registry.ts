/**
 * Counts, levels and distributions, told in Prometheus' text format. Whoever measures asks once for the series of its labels and keeps it: adding
 * to a series is an addition, without looking it up.
 */
import { makeHistogram } from './histogram.ts';
import type { Histogram } from './histogram.ts';
import { numberText, seriesText } from './text.ts';

export interface Counter {
  /** 1 when absent; never negative. */
  add(amount?: number): void;
}

export interface Gauge {
  add(amount: number): void;
  set(value: number): void;
}

/** The series of a metric, by the values of its labels in their order. */
export interface Family<S> {
  with(...values: string[]): S;
}

/** What a series holds when somebody asks: the values of its labels, and its own. */
export type Reading = readonly [values: readonly string[], value: number];

export interface Registry {
  counter(name: string, help: string, labels?: readonly string[]): Family<Counter>;
  gauge(name: string, help: string, labels?: readonly string[]): Family<Gauge>;
  /** `bounds` are the upper ends of the buckets, ascending, without infinity. */
  histogram(name: string, help: string, labels: readonly string[], bounds: readonly number[]): Family<Histogram>;
  /** A metric whose values are known elsewhere, and read when somebody asks. */
  reading(
    type: 'counter' | 'gauge',
    name: string,
    help: string,
    labels: readonly string[],
    read: () => Iterable<Reading>,
  ): void;
  /** Everything, sorted, as `text/plain; version=0.0.4`. */
  render(): string;
}

export const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

/** Series that a metric may have. Beyond it all further label values are counted together, as `unexpected`. */
const mostSeries = 20_000;

interface Metric {
  type: 'counter' | 'gauge' | 'histogram';
  help: string;
  /** The lines of its series. */
  lines(): string[];
}

export function makeRegistry(): Registry {
  const metrics = new Map<string, Metric>();
  const register = (name: string, metric: Metric) => {
    if (metrics.has(name)) throw new Error(`Cannot register metric ${name}: it is registered already`);
    metrics.set(name, metric);
  };
  const numbers = (type: 'counter' | 'gauge', name: string, help: string, labels: readonly string[]) => {
    const { family, series } = makeFamily(labels, makeNumber);
    const lines = () => series().map(([values, { value }]) => seriesText(name, labels, values, numberText(value)));
    register(name, { type, help, lines });
    return family;
  };
  return {
    counter: (name, help, labels = []) => numbers('counter', name, help, labels),
    gauge: (name, help, labels = []) => numbers('gauge', name, help, labels),
    histogram(name, help, labels, bounds) {
      const { family, series } = makeFamily(labels, () => makeHistogram(bounds));
      const lines = () => series().flatMap(([values, histogram]) => histogram.lines(name, labels, values));
      register(name, { type: 'histogram', help, lines });
      return family;
    },
    reading(type, name, help, labels, read) {
      const lines = () => [...read()].map(([values, value]) => seriesText(name, labels, values, numberText(value)));
      register(name, { type, help, lines });
    },
    render() {
      const text: string[] = [];
      for (const [name, { type, help, lines }] of [...metrics].sort(([a], [b]) => (a < b ? -1 : 1))) {
        const found = lines();
        if (found.length === 0) continue;
        text.push(`# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`, `# TYPE ${name} ${type}`);
        for (const line of found) text.push(line);
      }
      return text.length > 0 ? `${text.join('\n')}\n` : '';
    },
  };
}

function makeNumber() {
  return {
    value: 0,
    add(amount = 1) {
      this.value += amount;
    },
    set(value: number) {
      this.value = value;
    },
  };
}

/** Makes series as they are first asked for; a metric without labels has its one from the start. */
function makeFamily<S>(labels: readonly string[], make: () => S) {
  const known = new Map<string, [values: readonly string[], series: S]>();
  const find = (values: readonly string[]): S => {
    if (values.length !== labels.length) throw new Error(`Cannot find series: labels are ${labels.join(', ')}`);
    const key = values.join('\0');
    const found = known.get(key);
    if (found) return found[1];
    if (known.size >= mostSeries && values.some((value) => value !== 'unexpected'))
      return find(labels.map(() => 'unexpected'));
    const made = make();
    known.set(key, [values, made]);
    return made;
  };
  if (labels.length === 0) find([]);
  return {
    family: { with: (...values: string[]) => find(values) },
    series: () => [...known].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry),
  };
}
