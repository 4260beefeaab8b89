/** Faults of domains, and of names that say with one whose they are. */
import { invalid, required, type FieldError } from '#lib/meta/errors.ts';
import { labelNameFaults, subdomainFaults } from '#lib/meta/names.ts';

const pathForm = /^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/;

/** `example.com/what`, with anything that a URL's path may have after the first slash. */
export function domainPath(path: string, value: string | undefined): FieldError[] {
  if (!value) return [required(path)];
  const slash = value.indexOf('/');
  const rest = value.slice(slash + 1);
  if (slash <= 0 || !rest) return [invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  const domain = value.slice(0, slash);
  const faults = subdomainFaults(domain).map((fault) => invalid(path, domain, fault));
  if (pathForm.test(rest)) return faults;
  const detail = `Invalid path (regex used for validation is '${pathForm.source.slice(1, -1).replace('\\/', '/')}')`;
  return [...faults, invalid(path, rest, detail)];
}

/** A domain of three parts or more. */
export function fullName(path: string, name: string | undefined): FieldError[] {
  if (!name) return [required(path)];
  const faults = subdomainFaults(name);
  if (faults.length > 0) return [invalid(path, name, faults.join(','))];
  return name.split('.').length < 3
    ? [invalid(path, name, 'should be a domain with at least three segments separated by dots')]
    : [];
}

/** A domain of two parts or more, which may end with a dot. */
export function fullDomain(path: string, name: string): FieldError[] {
  if (!name) return [required(path)];
  const bare = name.replace(/\.$/, '');
  const faults = subdomainFaults(bare);
  if (faults.length > 0) return [invalid(path, bare, faults.join(','))];
  const parts = bare.split('.');
  if (parts.length < 2) return [invalid(path, bare, 'should be a domain with at least two segments separated by dots')];
  const bad = parts.find((part) => labelNameFaults(part).length > 0);
  return bad === undefined ? [] : [invalid(path, bad, labelNameFaults(bad).join(','))];
}
