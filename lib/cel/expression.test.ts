import assert from 'node:assert/strict';
import { makeCompiler, OutOfTime, runWithin } from './expression.ts';

const compile = makeCompiler(['self']);
const evaluate = (source: string, self?: unknown) => compile(source).evaluate({ self });

suite('CEL', () => {
  const truths = [
    '[1, 2, 3].isSorted() && ![2, 1].isSorted()',
    '[1, 2, 3].sum() == 6 && [1.5, 2.5].sum() == 4.0 && [].sum() == 0',
    '[2, 1, 3].min() == 1 && ["a", "c", "b"].max() == "c"',
    '[1, 2, 1].indexOf(1) == 0 && [1, 2, 1].lastIndexOf(1) == 2 && [1].indexOf(5) == -1',
    '"abc".charAt(1) == "b" && "abc".charAt(3) == ""',
    '"a-b-c".replace("-", "+") == "a+b+c" && "a-b-c".replace("-", "+", 1) == "a+b-c"',
    '"abc".reverse() == "cba"',
    '"a1b22".find("[0-9]+") == "1" && "a1b22".findAll("[0-9]+") == ["1", "22"] && "a1b22".findAll("[0-9]+", 1) == ["1"]',
    'sets.contains([1, 2], [2]) && !sets.contains([1], [2]) && sets.equivalent([1, 2], [2, 1, 1]) && sets.intersects([1, 2], [2, 3])',
    'quantity("1Gi").isGreaterThan(quantity("1Mi")) && quantity("500m").add(quantity("500m")).asInteger() == 1',
    'quantity("1k").compareTo(quantity("1000")) == 0 && quantity("-1").sign() == -1 && !quantity("1500m").isInteger()',
    'isQuantity("1Gi") && !isQuantity("one")',
    'isIP("10.0.0.1") && !isIP("10.0.0") && ip("::1").family() == 6',
    'cidr("10.0.0.0/8").containsIP("10.1.2.3") && !cidr("10.0.0.0/8").containsIP(ip("11.0.0.1"))',
    'cidr("10.0.0.0/8").containsCIDR("10.1.0.0/16") && cidr("10.0.0.0/8").prefixLength() == 8 && isCIDR("::/0")',
    'url("https://example.com:80/a?b=1&b=2").getHost() == "example.com:80" && url("https://a/b").getEscapedPath() == "/b"',
    'url("https://a/?b=1&b=2").getQuery()["b"] == ["1", "2"] && isURL("/only/a/path") && !isURL("nothing")',
    '[1, 2].exists(x, x == 2) && [[1], [2]].all(x, x.size() == 1)',
    'optional.of(1).orValue(2) == 1 && optional.none().orValue(2) == 2',
  ];
  for (const source of truths) test(source, () => assert.equal(evaluate(source), true));

  test('what cannot be evaluated says why, in a line', () => {
    assert.throws(() => evaluate('self.a == 1', {}), /^Error: no such key: a$/);
    assert.throws(() => evaluate('quantity("x").sign() == 0'), /Error: .*x/);
    assert.throws(() => evaluate('[].min() == 1'), /min called on empty list/);
    assert.throws(() => compile('self.'), Error);
    assert.throws(() => compile('other == 1'), /other/);
  });

  test('runWithin() gives up what takes too long, and goes on', () => {
    const list = Array.from({ length: 300 }, (_, i) => BigInt(i));
    const endless = compile('self.all(a, self.all(b, self.all(c, self.all(d, a + b + c + d >= 0))))');
    assert.throws(() => runWithin(20, () => endless.evaluate({ self: list })), OutOfTime);
    assert.equal(
      runWithin(1000, () => evaluate('1 == 1')),
      true,
    );
    assert.throws(() => runWithin(1000, () => evaluate('self.a == 1', {})), /no such key/);
  });
});
