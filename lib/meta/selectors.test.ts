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
    assert.throws(() => parseFieldSelector('nonsense'));
  });

  test('fieldsMatch() wants all terms', () => {
    const read = (path: string) => ({ a: '1', b: '2' })[path] ?? '';
    assert.equal(fieldsMatch(parseFieldSelector('a=1,b!=3'), read), true);
    assert.equal(fieldsMatch(parseFieldSelector('a=1,b=3'), read), false);
  });
});
