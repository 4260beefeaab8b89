import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  canonicalAmount,
  canonicalQuantity,
  formatQuantity,
  millisOf,
  parseQuantity,
  QuantityError,
  unitsOf,
} from './quantities.ts';

suite('quantities', () => {
  test('parseQuantity() reads every suffix', () => {
    const billion = 1_000_000_000n;
    assert.equal(parseQuantity('1'), billion);
    assert.equal(parseQuantity('100m'), billion / 10n);
    assert.equal(parseQuantity('1.5Gi'), (3n * billion * 1024n ** 3n) / 2n);
    assert.equal(parseQuantity('12e6'), 12_000_000n * billion);
    assert.equal(parseQuantity('-1k'), -1000n * billion);
    assert.equal(parseQuantity(0.5), billion / 2n);
  });

  test('parseQuantity() refuses what is not a quantity', () => {
    for (const text of ['', 'abc', '1 Gi', '1gi', '1KiB', '--1', '1e', '.'])
      assert.throws(() => parseQuantity(text), QuantityError, text);
  });

  test('canonicalQuantity() keeps the style and takes the largest suffix', () => {
    const cases = {
      '1024Mi': '1Gi',
      '0.5': '500m',
      '1000m': '1',
      '1500m': '1500m',
      '2000': '2k',
      '0.5Gi': '512Mi',
      '1e3': '1e3',
      '0': '0',
      '100n': '100n',
      '1.5Ki': '1536',
    };
    for (const [text, canonical] of Object.entries(cases)) assert.equal(canonicalQuantity(text), canonical, text);
  });

  test('parseQuantity() tells a wrong form from a wrong suffix', () => {
    assert.throws(() => parseQuantity('1Kb'), /quantities must match the regular expression/);
    for (const text of ['1K', '1i', '1kk', '1e+'])
      assert.throws(() => parseQuantity(text), /parse quantity's suffix$/, text);
  });

  test('canonicalQuantity() caps binary amounts', () => {
    assert.equal(canonicalQuantity('8Ei'), '9223372036854775807');
    assert.equal(canonicalQuantity('7Ei'), '7Ei');
    assert.equal(canonicalQuantity('9E'), '9E');
  });

  test('canonicalAmount() rounds away from zero to thousandths', () => {
    const cases = {
      '100n': '1m',
      '-1u': '-1m',
      '1.0001': '1001m',
      '1500u': '2m',
      '1Ki': '1Ki',
      '1e-6': '1e-3',
      '0': '0',
    };
    for (const [text, rounded] of Object.entries(cases)) assert.equal(canonicalAmount(text), rounded, text);
  });

  test('canonicalQuantity() changes neither value nor itself', () => {
    const suffix = fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi');
    fc.assert(
      fc.property(fc.nat(1_000_000), suffix, (number, unit) => {
        const text = `${number}${unit}`;
        const canonical = canonicalQuantity(text);
        assert.equal(parseQuantity(canonical), parseQuantity(text));
        assert.equal(canonicalQuantity(canonical), canonical);
      }),
    );
  });

  test('formatQuantity() is undone by parseQuantity()', () => {
    fc.assert(
      fc.property(
        fc.bigInt(-(10n ** 24n), 10n ** 24n),
        fc.constantFrom('decimal' as const, 'binary' as const),
        (n, style) => assert.equal(parseQuantity(formatQuantity(n, style)), n),
      ),
    );
  });

  test('unitsOf() and millisOf() round up', () => {
    assert.equal(unitsOf('1.1'), 2);
    assert.equal(unitsOf('1Mi'), 1_048_576);
    assert.equal(millisOf('1'), 1000);
    assert.equal(millisOf('100u'), 1);
  });
});
