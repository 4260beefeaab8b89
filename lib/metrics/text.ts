/** Prometheus' text format, version 0.0.4. Pure. */

/** One line: name, labels, value. */
export function seriesText(name: string, labels: readonly string[], values: readonly string[], value: string): string {
  if (labels.length === 0) return `${name} ${value}`;
  const pairs = labels.map((label, i) => `${label}="${escaped(values[i]!)}"`);
  return `${name}{${pairs.join(',')}} ${value}`;
}

/** A number as Go's `%g` writes it, whose readers are used to it. */
export function numberText(value: number): string {
  if (value === Infinity) return '+Inf';
  if (value === -Infinity) return '-Inf';
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-4 && size < 1e6) || Number.isNaN(value)) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
}

function escaped(value: string): string {
  return /[\\"\n]/.test(value) ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : value;
}
