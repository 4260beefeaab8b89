import assert from 'node:assert/strict';
import { isReason } from './errors.ts';
import {
  fieldsMatch,
  formatLabelSelector,
  formatSelector,
  fromMap,
  matches,
  parseFieldSelector,
  parseLabelSelector,
  selects,
} from './selectors.ts';

suite('selectors', () => {
  const labels = { app: 'web', tier: 'front', weight: '5' };

  test('parseLabelSelector() understands every operator', () => {
    const cases: Record<string, boolean> = {
      '': true,
      'app=web': true,
      'app==web': true,
      'app!=web': false,
      'missing!=x': true,
      'app in (web, db)': true,
      'app notin (web)': false,
      'missing notin (x)': true,
      tier: true,
      '!tier': false,
      '!missing': true,
      'weight>4': true,
      'weight<4': false,
      'app=web,tier=front,!missing': true,
      'app=web,tier=back': false,
      'example.com/role=': false,
    };
    for (const [text, expected] of Object.entries(cases)) {
      assert.equal(matches(parseLabelSelector(text), labels), expected, text);
    }
  });

  test('parseLabelSelector() refuses nonsense with BadRequest', () => {
    for (const text of ['a=b=c', 'app in web', '=x', 'a,,b', 'weight>many', 'a=-b-']) {
      assert.throws(
        () => parseLabelSelector(text),
        (error) => isReason(error, 'BadRequest'),
        text,
      );
    }
  });

  test('parseLabelSelector() says what upstream says', () => {
    const unable = 'unable to parse requirement: ';
    const complaints: Record<string, string> = {
      '=x': "found '=', expected: !, identifier, or 'end of string'",
      ',a': "found ',', expected: !, identifier, or 'end of string'",
      'a,': "found '', expected: identifier after ','",
      'a,,b': "found ',', expected: identifier after ','",
      'a=b=c': "found '=', expected: ',' or 'end of string'",
      '!a=b': "found '=', expected: ',' or 'end of string'",
      'a b': `${unable}found 'b', expected: in, notin, =, ==, !=, gt, lt`,
      'a in b': `${unable}found 'b' expected: '('`,
      'a in (b': `${unable}found '', expected: ',' or ')'`,
      'a in (=)': `${unable}found '=', expected: ',', ')' or identifier`,
      'a in (b,=)': `${unable}found '=', expected: ',', or identifier`,
      'a=(': `${unable}found '(', expected: identifier`,
      '!,': `${unable}found ',', expected: identifier`,
      'a>b': `${unable}values[0]: Invalid value: "b": for 'Gt', 'Lt' operators, the value must be an integer`,
    };
    for (const [text, message] of Object.entries(complaints))
      assert.throws(() => parseLabelSelector(text), { message });
    assert.throws(
      () => parseLabelSelector('-a'),
      /requirement: <nil>: Invalid value: "-a": name part must consist of /,
    );
    assert.throws(() => parseLabelSelector('a in (b,c d)'), { message: `${unable}found 'd', expected: ',' or ')'` });
    assert.throws(
      () => parseLabelSelector('a=-'),
      /requirement: values\[0\]\[a\]: Invalid value: "-": a valid label must be/,
    );
  });

  test('parseLabelSelector() takes what upstream takes', () => {
    const values = (text: string) => parseLabelSelector(text)[0]?.values;
    assert.deepEqual(values('a in (c,,b,c)'), ['', 'b', 'c']);
    assert.deepEqual(values('a in (,)'), ['']);
    assert.deepEqual(values('a in ()'), ['']);
    assert.deepEqual(values('a in (in,notin)'), ['in', 'notin']);
    assert.deepEqual(values('in in (x)'), ['x']);
    assert.deepEqual(values('a=,b'), ['']);
    assert.deepEqual(parseLabelSelector('  '), []);
    assert.deepEqual(parseLabelSelector('! a'), [{ key: 'a', operator: 'DoesNotExist', values: [] }]);
  });

  test('formatSelector() writes what parseLabelSelector() reads', () => {
    for (const text of ['a=b', 'a!=b', 'a in (b,c)', 'a notin (b,c)', 'a', '!a', 'a>1', 'a=b,!c']) {
      assert.equal(formatSelector(parseLabelSelector(text)), text);
    }
    assert.equal(formatLabelSelector({}), '<none>');
    assert.equal(formatLabelSelector({ matchLabels: { a: 'b' } }), 'a=b');
  });

  test('selects() takes an absent selector for nothing and an empty one for everything', () => {
    assert.equal(selects(undefined, labels), false);
    assert.equal(selects({}, labels), true);
    assert.equal(fromMap({}), undefined);
  });

  test('labels of the names of object members are labels like any others', () => {
    assert.equal(matches(parseLabelSelector('constructor'), labels), false);
    assert.equal(
      matches(parseLabelSelector('toString=x'), JSON.parse('{"toString": "x"}') as Record<string, string>),
      true,
    );
  });

  test('parseFieldSelector() splits at commas that are not escaped', () => {
    assert.deepEqual(parseFieldSelector('metadata.name=a,status.phase!=Running'), [
      { path: 'metadata.name', negate: false, value: 'a' },
      { path: 'status.phase', negate: true, value: 'Running' },
    ]);
    assert.deepEqual(parseFieldSelector('x=a\\,b'), [{ path: 'x', negate: false, value: 'a,b' }]);
    const complaints: Record<string, string> = {
      nonsense: "invalid selector: 'nonsense'; can't understand 'nonsense'",
      'a=b=c': 'invalid field selector: unescaped character in value: 61',
      'a=\\b': 'invalid field selector: invalid escape sequence: \\b',
      'a=b\\': 'invalid field selector: invalid escape sequence: \\',
    };
    for (const [text, message] of Object.entries(complaints))
      assert.throws(() => parseFieldSelector(text), { message });
  });

  test('fieldsMatch() wants all terms', () => {
    const read = (path: string) => ({ a: '1', b: '2' })[path] ?? '';
    assert.equal(fieldsMatch(parseFieldSelector('a=1,b!=3'), read), true);
    assert.equal(fieldsMatch(parseFieldSelector('a=1,b=3'), read), false);
  });
});
