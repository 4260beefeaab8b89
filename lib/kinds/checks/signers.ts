/** The grammar of names of certificate signers, and of the trust bundles that are named after them. */
import { invalid, required, tooLong, type FieldError } from '#lib/meta/errors.ts';
import { goQuote } from '#lib/meta/go-text.ts';
import { labelNameFaults, subdomainFaults } from '#lib/meta/names.ts';

const maxDomainLength = 253;
/** Domain, slash, namespace, dot, name. */
const maxLength = 571;

/** A signer's name: a domain of two labels or more, a slash, and a name that may hold a namespace and a name. */
export function checkSignerName(path: string, name: string): FieldError[] {
  if (!name) return [required(path, 'signerName must be provided')];
  const [domain = '', local, ...more] = name.split('/');
  if (local === undefined || more.length > 0) {
    const form = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
    return [invalid(path, name, form)];
  }
  const faults: FieldError[] = [];
  if (domain.length > maxDomainLength) faults.push(tooLong(path, maxDomainLength));
  const labels = domain.split('.');
  faults.push(...firstFaults(path, domain, labels, labelNameFaults));
  if (labels.length < 2) {
    faults.push(invalid(path, domain, 'should be a domain with at least two segments separated by dots'));
  }
  faults.push(...firstFaults(path, local, local.split('.'), subdomainFaults));
  if (name.length > maxLength) faults.push(tooLong(path, maxLength));
  return faults;
}

/** The faults of the first label that has any. */
function firstFaults(
  path: string,
  value: string,
  labels: readonly string[],
  faultsOf: (text: string) => string[],
): FieldError[] {
  for (const label of labels) {
    const faults = faultsOf(label);
    if (faults.length > 0) {
      return faults.map((fault) => invalid(path, value, `validating label ${goQuote(label)}: ${fault}`));
    }
  }
  return [];
}

/** A bundle of a signer begins with the signer's name, with colons for slashes. */
export function trustBundleNameFaults(name: string): string[] {
  const parts = name.split(':');
  if (parts.length === 1) return subdomainFaults(name);
  return subdomainFaults(parts.at(-1)!);
}
