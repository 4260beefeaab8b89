import assert from 'node:assert/strict';
import { logOptions } from './log-options.ts';

const now = Date.UTC(2026, 0, 1);
const options = (query: string) => logOptions(new URLSearchParams(query), 'web', now);

suite('log-options', () => {
  test('logOptions() reads what is there and fills in the rest', () => {
    assert.deepEqual(options(''), {
      container: '',
      follow: false,
      previous: false,
      timestamps: false,
      sinceTime: '',
      tailLines: -1,
      limitBytes: 0,
    });
    assert.deepEqual(
      options('container=c&follow=true&previous=1&timestamps=true&tailLines=0&limitBytes=7&sinceSeconds=60'),
      {
        container: 'c',
        follow: true,
        previous: true,
        timestamps: true,
        sinceTime: '2025-12-31T23:59:00.000Z',
        tailLines: 0,
        limitBytes: 7,
      },
    );
    assert.equal(options('sinceTime=2025-12-31T01:02:03%2B01:00').sinceTime, '2025-12-31T01:02:03+01:00');
  });

  for (const [query, code, message] of [
    [
      'tailLines=-1',
      422,
      'PodLogOptions "web" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
    ],
    ['limitBytes=0', 422, 'PodLogOptions "web" is invalid: limitBytes: Invalid value: 0: must be greater than 0'],
    ['sinceSeconds=0', 422, 'PodLogOptions "web" is invalid: sinceSeconds: Invalid value: 0: must be greater than 0'],
    ['tailLines=x', 400, 'strconv.ParseInt: parsing "x": invalid syntax'],
    [
      'sinceTime=yesterday',
      400,
      'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"',
    ],
    ['stream=Stdout', 422, 'PodLogOptions "web" is invalid: stream: Forbidden: may not be specified'],
    [
      'sinceTime=2025-12-31T01:02:03Z&sinceSeconds=1',
      422,
      'PodLogOptions "web" is invalid: : Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified',
    ],
  ] as const)
    test(`logOptions() refuses ${query}`, () => {
      assert.throws(() => options(query), { code, message });
    });
});
