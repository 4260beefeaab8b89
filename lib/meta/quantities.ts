/**
 * Kubernetes quantities: `100m`, `1.5Gi`, `12e6`. A parsed quantity is a whole number of billionths, so sums and comparisons
 * are exact; upstream (`apimachinery/pkg/api/resource`) rounds up to the same precision.
 */

const nano = 1_000_000_000n;
const binary: Record<string, bigint> = {
  Ki: 1n << 10n,
  Mi: 1n << 20n,
  Gi: 1n << 30n,
  Ti: 1n << 40n,
  Pi: 1n << 50n,
  Ei: 1n << 60n,
};
/** Decimal suffix -> power of ten. */
const decimal: Record<string, number> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const form = /^([+-]?)(\d+\.?\d*|\.\d+)(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]?|[eE][+-]?\d{1,3})$/;

/** Thrown for text that is not a quantity. */
export class QuantityError extends Error {
  override readonly name = 'QuantityError';
}

/** Billionths of the unit, rounded away from zero; throws QuantityError for anything else. */
export function parseQuantity(text: number | string): bigint {
  const match = form.exec(String(text));
  if (!match) throw new QuantityError(faultOf(String(text)));
  const [, sign, number, suffix] = match as unknown as [string, string, string, string];
  const [whole = '', fraction = ''] = number.split('.');
  const digits = BigInt(whole + fraction || '0');
  const scale = binary[suffix];
  const exponent = scale !== undefined ? 0 : /^[eE]./.test(suffix) ? Number(suffix.slice(1)) : decimal[suffix]!;
  const numerator = digits * nano * (scale ?? 1n) * 10n ** BigInt(Math.max(0, exponent));
  const value = ceilDiv(numerator, 10n ** BigInt(fraction.length + Math.max(0, -exponent)));
  return sign === '-' ? -value : value;
}

/** Upstream's sentence for what is not a quantity: of its form, or of a suffix that has the letters but not the meaning. */
function faultOf(text: string): string {
  return /^[+-]?(\d+\.?\d*|\.\d+)[eEinumkKMGTP]+[-+]?\d*$/.test(text)
    ? "unable to parse quantity's suffix"
    : "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
}

/** The quantity's value as a number of whole units, rounded up (bytes, pods). */
export function unitsOf(text: number | string): number {
  return Number(ceilDiv(parseQuantity(text), nano));
}

/** The quantity's value in thousandths, rounded up (millicores). */
export function millisOf(text: number | string): number {
  return Number(ceilDiv(parseQuantity(text), nano / 1000n));
}

/** Upstream's canonical text of billionths: the largest suffix without a fraction. */
export function formatQuantity(billionths: bigint, style: 'decimal' | 'binary' = 'decimal'): string {
  if (billionths === 0n) return '0';
  if (style === 'binary' && billionths % nano === 0n && abs(billionths) >= 1024n * nano) {
    const units = billionths / nano;
    for (const [suffix, scale] of Object.entries(binary).reverse())
      if (units % scale === 0n) return `${units / scale}${suffix}`;
    return String(units);
  }
  const suffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
  let value = billionths;
  let at = 0;
  while (value % 1000n === 0n && at < suffixes.length - 1) {
    value /= 1000n;
    at++;
  }
  return `${value}${suffixes[at]}`;
}

/** The canonical text upstream stores for what a client sent, keeping its style: `1024Mi` -> `1Gi`, `0.5` -> `500m`. */
export function canonicalQuantity(text: number | string): string {
  return textLike(String(text), parseQuantity(text));
}

/** As canonicalQuantity(), with what is finer than a thousandth rounded away from zero, as amounts of resources are. */
export function canonicalAmount(text: number | string): string {
  const value = parseQuantity(text);
  const rounded = (abs(value) + nano / 1000n - 1n) / (nano / 1000n);
  return textLike(String(text), (value < 0n ? -rounded : rounded) * (nano / 1000n));
}

/** The canonical text of billionths in the style of another text. */
function textLike(source: string, billionths: bigint): string {
  if (/[eE][+-]?\d+$/.test(source)) return formatExponent(billionths);
  if (!/[KMGTPE]i$/.test(source)) return formatQuantity(billionths);
  const most = (2n ** 63n - 1n) * nano;
  const capped = billionths > most ? most : billionths < -most ? -most : billionths;
  return formatQuantity(capped, 'binary');
}

function formatExponent(billionths: bigint): string {
  if (billionths === 0n) return '0';
  let value = billionths;
  let exponent = -9;
  while (value % 1000n === 0n) {
    value /= 1000n;
    exponent += 3;
  }
  return exponent === 0 ? String(value) : `${value}e${exponent}`;
}

function ceilDiv(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b > 0n ? quotient + 1n : quotient;
}

function abs(value: bigint): bigint {
  return value < 0n ? -value : value;
}
