/** The grammar of names, labels and ports; each check answers upstream's sentences, none when the text is good. */

const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const qualifiedName = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;

const regexSentence = (what: string, example: string, pattern: string) =>
  `${what} (e.g. ${example}, regex used for validation is '${pattern}')`;
const nameSentence = regexSentence(
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  "'MyName',  or 'my.name',  or '123-abc'",
  '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]',
);
const tooLongFor = (max: number) => `must be no more than ${max} characters`;

/** RFC 1123 subdomain: the name of most objects. */
export function subdomainFaults(text: string): string[] {
  const faults = text.length > 253 ? [tooLongFor(253)] : [];
  if (!subdomain.test(text)) {
    faults.push(
      regexSentence(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
        "'example.com'",
        '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*',
      ),
    );
  }
  return faults;
}

/** A subdomain of which the first part may be any. */
export function wildcardFaults(text: string): string[] {
  const faults = text.length > 253 ? [tooLongFor(253)] : [];
  if (!text.startsWith('*.') || !subdomain.test(text.slice(2))) {
    faults.push(
      regexSentence(
        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
        "'*.example.com'",
        '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*',
      ),
    );
  }
  return faults;
}

/** RFC 1123 label: namespaces, containers, volumes. */
export function labelNameFaults(text: string): string[] {
  const faults = text.length > 63 ? [tooLongFor(63)] : [];
  if (!label.test(text)) {
    faults.push(
      regexSentence(
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
        "'my-name',  or '123-abc'",
        '[a-z0-9]([-a-z0-9]*[a-z0-9])?',
      ),
    );
  }
  return faults;
}

/** RFC 1035 label: Services. */
export function dns1035Faults(text: string): string[] {
  const faults = text.length > 63 ? [tooLongFor(63)] : [];
  if (!/^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(text)) {
    faults.push(
      regexSentence(
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
        "'my-name',  or 'abc-123'",
        '[a-z]([-a-z0-9]*[a-z0-9])?',
      ),
    );
  }
  return faults;
}

/** A path segment: names of RBAC objects and the like. */
export function pathSegmentFaults(text: string): string[] {
  if (text === '.' || text === '..') return [`may not be '${text}'`];
  return ['/', '%'].filter((part) => text.includes(part)).map((part) => `may not contain '${part}'`);
}

/** A label or annotation key: an optional DNS prefix, a slash, a name of at most 63 characters. */
export function qualifiedNameFaults(text: string): string[] {
  // Nearly all keys are good ones without a prefix or with one: nothing is built for them.
  const slash = text.indexOf('/');
  const name = text.slice(slash + 1);
  if (name.includes('/'))
    return [
      `a qualified name ${nameSentence} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  const faults: string[] = [];
  if (slash === 0) faults.push('prefix part must be non-empty');
  else if (slash > 0) faults.push(...subdomainFaults(text.slice(0, slash)).map((fault) => `prefix part ${fault}`));
  if (name === '') faults.push('name part must be non-empty');
  else if (name.length > 63) faults.push(`name part ${tooLongFor(63)}`);
  if (!qualifiedName.test(name)) faults.push(`name part ${nameSentence}`);
  return faults;
}

/** A label value: empty, or at most 63 characters of the qualified-name alphabet. */
export function labelValueFaults(text: string): string[] {
  const faults = text.length > 63 ? [tooLongFor(63)] : [];
  if (text !== '' && !qualifiedName.test(text)) {
    faults.push(
      regexSentence(
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        "'MyValue',  or 'my_value',  or '12345'",
        '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?',
      ),
    );
  }
  return faults;
}

/** Letters and digits that upstream's generated names use: no vowels, no easily confused characters. */
export const nameAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** A name from `generateName`: the prefix cut to 58 characters, then five random ones. */
export function generatedName(prefix: string, random: () => number): string {
  const tail = Array.from({ length: 5 }, () => nameAlphabet[Math.floor(random() * nameAlphabet.length)]);
  return prefix.slice(0, 58) + tail.join('');
}

/** A prefix of names as a name may be checked: its last dash, after which more will come, taken for a letter. */
export function prefixOf(text: string): string {
  return text.length > 1 && text.endsWith('-') ? `${text.slice(0, -2)}a` : text;
}
