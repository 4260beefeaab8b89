/** Faults of single values, with upstream's sentences. `path` is the field's, as `spec.ports[0].port`. */
import { isCidr, isIP } from '#lib/meta/addresses.ts';
import { fieldForbidden, invalid, notSupported, required, type FieldError } from '#lib/meta/errors.ts';
import { goIntOrString } from '#lib/meta/go-text.ts';
import { labelNameFaults, subdomainFaults } from '#lib/meta/names.ts';
import { parseQuantity, QuantityError } from '#lib/meta/quantities.ts';

/** Turns the sentences of a grammar from lib/meta/names.ts into faults of a field. */
export function grammar(path: string, value: string, faults: (text: string) => string[]): FieldError[] {
  return faults(value).map((fault) => invalid(path, value, fault));
}

/** A required RFC 1123 label. */
export function label(path: string, value: string | undefined): FieldError[] {
  return value ? grammar(path, value, labelNameFaults) : [required(path)];
}

/** A required RFC 1123 subdomain. */
export function subdomain(path: string, value: string | undefined, detail = ''): FieldError[] {
  return value ? grammar(path, value, subdomainFaults) : [required(path, detail)];
}

/** Text that must be there. */
export function needed(path: string, value: string | undefined, detail = ''): FieldError[] {
  return value ? [] : [required(path, detail)];
}

/** A fault in each field that is there and may not be. */
export function barred(path: string, holder: object, names: readonly string[], detail: string): FieldError[] {
  return names
    .filter((name) => (holder as Record<string, unknown>)[name] !== undefined)
    .map((name) => fieldForbidden(`${path}.${name}`, detail));
}

/** A value out of a closed list; '' or absent is missing. */
export function oneOf(path: string, value: string | undefined, supported: readonly string[]): FieldError[] {
  if (!value) return [required(path)];
  return supported.includes(value) ? [] : [notSupported(path, value, supported)];
}

/** As oneOf(), but absent is fine. */
export function optionalOneOf(path: string, value: string | undefined, supported: readonly string[]): FieldError[] {
  return value === undefined || supported.includes(value) ? [] : [notSupported(path, value, supported)];
}

/** A count that must not be negative; absent is fine. */
export function nonNegative(path: string, value: number | undefined): FieldError[] {
  return value !== undefined && value < 0 ? [invalid(path, value, 'must be greater than or equal to 0')] : [];
}

/** A port number. */
export function portNumber(path: string, value: number): FieldError[] {
  return between(path, value, 1, 65535);
}

/** A whole number within bounds. */
export function between(path: string, value: number, least: number, most: number): FieldError[] {
  return value >= least && value <= most
    ? []
    : [invalid(path, value, `must be between ${least} and ${most}, inclusive`)];
}

/** A port name as IANA has them: at most 15 letters, digits and single hyphens, one letter at least. */
export function portNameFaults(name: string): string[] {
  const faults: string[] = [];
  if (name.length > 15) faults.push('must be no more than 15 characters');
  if (!/^[-a-z0-9]+$/.test(name)) faults.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(name)) faults.push('must contain at least one letter (a-z)');
  if (name.includes('--')) faults.push('must not contain consecutive hyphens');
  if (name.startsWith('-') || name.endsWith('-')) faults.push('must not begin or end with a hyphen');
  return faults;
}

/** A port by number or by name. */
export function portNumberOrName(path: string, value: number | string | undefined): FieldError[] {
  return typeof value === 'string' ? grammar(path, value, portNameFaults) : portNumber(path, value ?? 0);
}

/** A whole number that is not negative, or a percentage. */
export function intOrPercent(path: string, value: number | string | undefined): FieldError[] {
  if (typeof value === 'number') return nonNegative(path, value);
  if (value === undefined || /^\d+%$/.test(value)) return [];
  return [
    invalid(
      path,
      goIntOrString(value),
      "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
    ),
  ];
}

/** A percentage must not exceed 100. */
export function atMostWhole(path: string, value: number | string | undefined): FieldError[] {
  const percent = typeof value === 'string' ? /^(\d+)%$/.exec(value)?.[1] : undefined;
  return percent !== undefined && Number(percent) > 100
    ? [invalid(path, goIntOrString(value), 'must not be greater than 100%')]
    : [];
}

/** Whether an int-or-percentage is nothing at all; unreadable text counts as nothing. */
export function isZero(value: number | string | undefined): boolean {
  return typeof value === 'string' ? !(Number(value.replace(/%$/, '')) > 0) : !value;
}

/** An address of either family. Upstream has always let IPv4 numbers begin with zeros. */
export function address(path: string, value: string): FieldError[] {
  return isIP(withoutZeros(value))
    ? []
    : [invalid(path, value, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')];
}

/** A block of addresses. */
export function cidr(path: string, value: string): FieldError[] {
  return isCidr(withoutZeros(value))
    ? []
    : [invalid(path, value, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')];
}

/** An address or block without the zeros that IPv4 numbers may begin with. */
export function withoutZeros(value: string): string {
  return value.includes(':') || !value.includes('0') ? value : value.replaceAll(/(^|\.)0+(?=\d)/g, '$1');
}

/** An address that a client elsewhere can reach: not one of the host's own or of its link. */
export function reachable(path: string, value: string): FieldError[] {
  const ip = withoutZeros(value).toLowerCase();
  if (!isIP(ip)) return [invalid(path, value, 'must be a valid IP address')];
  if (/^0\.0\.0\.0$|^[0:]+$/.test(ip)) return [invalid(path, value, `may not be unspecified (${value})`)];
  if (/^127\.|^(0*:)*:?0*1$/.test(ip)) {
    return [invalid(path, value, 'may not be in the loopback range (127.0.0.0/8, ::1/128)')];
  }
  if (/^169\.254\.|^fe[89ab]/.test(ip)) {
    return [invalid(path, value, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)')];
  }
  return /^224\.0\.0\.|^ff.2:/.test(ip)
    ? [invalid(path, value, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)')]
    : [];
}

/** A quantity that must not be negative. */
export function quantity(path: string, value: number | string): FieldError[] {
  try {
    return parseQuantity(value) < 0n ? [invalid(path, String(value), 'must be greater than or equal to 0')] : [];
  } catch (error) {
    if (error instanceof QuantityError) return [invalid(path, value, error.message)];
    throw error;
  }
}

/** A key of a ConfigMap or Secret: a file name. */
export function configKeyFaults(key: string): string[] {
  const faults = key.length > 253 ? ['must be no more than 253 characters'] : [];
  if (!/^[-._a-zA-Z0-9]+$/.test(key)) {
    faults.push(
      "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
    );
  }
  if (key === '.' || key === '..') faults.push(`must not be '${key}'`);
  else if (key.startsWith('..')) faults.push("must not start with '..'");
  return faults;
}

/** A path that stays inside whatever it is relative to. */
export function relativePath(path: string, value: string): FieldError[] {
  return [
    ...(value.startsWith('/') ? [invalid(path, value, 'must be a relative path')] : []),
    ...withoutBackSteps(path, value),
  ];
}

/** A path without `..` steps. */
export function withoutBackSteps(path: string, value: string): FieldError[] {
  return value.split('/').includes('..') ? [invalid(path, value, "must not contain '..'")] : [];
}
