import assert from 'node:assert/strict';
import { watchStart } from './watch-start.ts';

suite('watchStart()', () => {
  const start = (query: string) => {
    const { after, atLeast, tellsState, marksState } = watchStart(new URLSearchParams(query));
    return `after ${after} at least ${atLeast}${tellsState ? ' state' : ''}${marksState ? ' marked' : ''}`;
  };
  const match = 'resourceVersionMatch=NotOlderThan';
  const cases: [query: string, wanted: string][] = [
    ['', 'after undefined at least undefined state'],
    ['resourceVersion=0', 'after undefined at least undefined state'],
    ['resourceVersion=5', 'after 5 at least undefined'],
    ['allowWatchBookmarks=true', 'after undefined at least undefined state'],
    [`sendInitialEvents=true&${match}`, 'after undefined at least undefined state'],
    [`sendInitialEvents=true&${match}&allowWatchBookmarks=1`, 'after undefined at least undefined state marked'],
    [`sendInitialEvents=true&${match}&resourceVersion=7`, 'after undefined at least 7 state'],
    [`sendInitialEvents=false&${match}&resourceVersion=7&allowWatchBookmarks=1`, 'after 7 at least undefined'],
    [`sendInitialEvents=false&${match}`, 'after undefined at least undefined'],
  ];
  for (const [query, wanted] of cases) {
    test(`watchStart() begins ${wanted} for "${query}"`, () => assert.equal(start(query), wanted));
  }

  test('watchStart() refuses what does not go together', () => {
    const invalid = 'ListOptions.meta.k8s.io "" is invalid: ';
    const field = 'resourceVersionMatch';
    const complaints: Record<string, string> = {
      'sendInitialEvents=1': `${field}: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan`,
      [match]: `${field}: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided`,
      [`${match}&sendInitialEvents=1&continue=x`]: `${field}: Forbidden: resourceVersionMatch is forbidden when continue is provided`,
      'resourceVersionMatch=Exact&sendInitialEvents=1': `[${field}: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan, ${field}: Unsupported value: "Exact": supported values: "NotOlderThan"]`,
    };
    for (const [query, message] of Object.entries(complaints)) {
      assert.throws(() => start(query), { message: invalid + message });
    }
    assert.throws(() => start('resourceVersion=x'), {
      message: 'resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax',
    });
  });
});
