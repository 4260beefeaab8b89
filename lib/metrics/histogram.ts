/** A distribution in buckets with fixed bounds. */
import { numberText, seriesText } from './text.ts';

export interface Histogram {
  observe(value: number): void;
}

interface OwnHistogram extends Histogram {
  lines(name: string, labels: readonly string[], values: readonly string[]): string[];
}

/** `bounds` ascend; what is above the last counts under infinity alone. */
export function makeHistogram(bounds: readonly number[]): OwnHistogram {
  const counts = new Float64Array(bounds.length + 1);
  let sum = 0;
  return {
    observe(value) {
      let at = 0;
      while (at < bounds.length && value > bounds[at]!) at++;
      counts[at]!++;
      sum += value;
    },
    lines(name, labels, values) {
      const withBound = [...labels, 'le'];
      let total = 0;
      const buckets = [...bounds, Infinity].map((bound, i) => {
        total += counts[i]!;
        return seriesText(`${name}_bucket`, withBound, [...values, numberText(bound)], String(total));
      });
      return [
        ...buckets,
        seriesText(`${name}_sum`, labels, values, numberText(sum)),
        seriesText(`${name}_count`, labels, values, String(total)),
      ];
    },
  };
}
