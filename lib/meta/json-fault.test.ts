import assert from 'node:assert/strict';
import fc from 'fast-check';
import { jsonFault } from './json-fault.ts';

suite('jsonFault()', () => {
  const cases: Record<string, string> = {
    '': 'unexpected end of JSON input',
    '  ': 'unexpected end of JSON input',
    '{': 'unexpected end of JSON input',
    '{"a': 'unexpected end of JSON input',
    '[1,': 'unexpected end of JSON input',
    nonsense: "invalid character 'o' in literal null (expecting 'u')",
    tru: "invalid character ' ' in literal true (expecting 'e')",
    x: "invalid character 'x' looking for beginning of value",
    "'a'": "invalid character '\\'' looking for beginning of value",
    '{a:1}': "invalid character 'a' looking for beginning of object key string",
    '{"a":1,}': "invalid character '}' looking for beginning of object key string",
    '{"a" 1}': "invalid character '1' after object key",
    '{"a":1 "b"}': "invalid character '\"' after object key:value pair",
    '[1 2]': "invalid character '2' after array element",
    '{} {}': "invalid character '{' after top-level value",
    '"a\nb"': "invalid character '\\n' in string literal",
    '"\\x"': "invalid character 'x' in string escape code",
    '"\\u12g"': "invalid character 'g' in \\u hexadecimal character escape",
    '-': "invalid character ' ' in numeric literal",
    '-a': "invalid character 'a' in numeric literal",
    '1.': "invalid character ' ' after decimal point in numeric literal",
    '1e': "invalid character ' ' in exponent of numeric literal",
    '01': "invalid character '1' after top-level value",
    '\0': "invalid character '\\x00' looking for beginning of value",
    é: "invalid character 'Ã' looking for beginning of value",
  };
  for (const [text, fault] of Object.entries(cases)) {
    test(`jsonFault() says ${fault} of ${JSON.stringify(text)}`, () => assert.equal(jsonFault(text), fault));
  }

  test('jsonFault() finds a fault just where JSON.parse() does', () => {
    const parses = (text: string) => {
      try {
        JSON.parse(text);
        return true;
      } catch {
        return false;
      }
    };
    const fragments = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      ':',
      ',',
      '1',
      '-',
      '.',
      'e',
      'true',
      'null',
      '\\',
      ' ',
      'a',
      '"a"',
    );
    fc.assert(
      fc.property(fc.array(fragments, { maxLength: 8 }), (parts) => {
        const text = parts.join('');
        assert.equal(jsonFault(text) === undefined, parses(text), text);
      }),
      { numRuns: 2000 },
    );
    fc.assert(fc.property(fc.json(), (text) => assert.equal(jsonFault(text), undefined)));
  });
});
