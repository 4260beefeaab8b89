import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  dns1035Faults,
  generatedName,
  labelNameFaults,
  labelValueFaults,
  pathSegmentFaults,
  qualifiedNameFaults,
  subdomainFaults,
} from './names.ts';

suite('names', () => {
  const table: [name: string, faults: (text: string) => string[], good: string[], bad: string[]][] = [
    [
      'subdomain',
      subdomainFaults,
      ['a', 'a.b-c.d', '1', 'a'.repeat(253)],
      ['', 'A', '-a', 'a-', 'a..b', 'a_b', 'a'.repeat(254)],
    ],
    ['label', labelNameFaults, ['a', 'a-b', '1a', 'a'.repeat(63)], ['', 'a.b', '-a', 'a'.repeat(64)]],
    ['DNS-1035 label', dns1035Faults, ['a', 'a-1'], ['', '1a', 'a.b', 'A']],
    ['label value', labelValueFaults, ['', 'A', 'a_b.c-d'], ['-', 'a b', 'a'.repeat(64)]],
    ['qualified name', qualifiedNameFaults, ['a', 'example.com/A_b'], ['', 'a/b/c', '/a', 'a/', 'Example.com/a', '-a']],
    ['path segment', pathSegmentFaults, ['system:node', 'A b'], ['.', '..', 'a/b', 'a%b']],
  ];
  for (const [name, faults, good, bad] of table) {
    test(`${name} accepts and refuses what upstream does`, () => {
      for (const text of good) assert.deepEqual(faults(text), [], text);
      for (const text of bad) assert.notDeepEqual(faults(text), [], JSON.stringify(text));
    });
  }

  test('subdomainFaults() says it in the sentence users know', () => {
    assert.deepEqual(subdomainFaults('My_Pod'), [
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    ]);
  });

  test('generatedName() stays within a label and keeps the prefix', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z]{1,80}$/),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (prefix, random) => {
          const name = generatedName(`${prefix}-`, () => random);
          assert.deepEqual(labelNameFaults(name), []);
          assert.ok(name.startsWith(prefix.slice(0, 58)));
        },
      ),
    );
  });
});
