import assert from 'node:assert/strict';
import { CronError, parseCron } from './cron.ts';

suite('cron', () => {
  const fields = (text: string) => {
    const schedule = parseCron(text);
    assert.ok('minutes' in schedule);
    return schedule;
  };

  test('parseCron() reads ranges, lists, steps and names', () => {
    assert.deepEqual([...fields('*/15 * * * *').minutes], [0, 15, 30, 45]);
    assert.deepEqual([...fields('0 9-11,20 * * *').hours], [9, 10, 11, 20]);
    assert.deepEqual([...fields('0 0 10/10 * *').days], [10, 20, 30]);
    assert.deepEqual([...fields('0 0 * jan,MAR *').months], [1, 3]);
    assert.deepEqual([...fields('0 0 * * mon-fri').weekdays], [1, 2, 3, 4, 5]);
  });

  test('parseCron() knows when a day must fit both day fields', () => {
    assert.equal(fields('0 0 1 * 1').bothDays, false);
    assert.equal(fields('0 0 1 * *').bothDays, true);
  });

  test('parseCron() reads descriptors', () => {
    assert.deepEqual(parseCron('@hourly'), parseCron('0 * * * *'));
    assert.deepEqual(parseCron('@every 1h30m'), { everyMs: 5_400_000 });
    assert.deepEqual(parseCron('@every 10ms'), { everyMs: 1000 });
  });

  test('parseCron() says what is wrong', () => {
    const cases: Record<string, string> = {
      '': 'empty spec string',
      '* * * *': 'expected exactly 5 fields, found 4: [* * * *]',
      '60 * * * *': 'end of range (60) above maximum (59): 60',
      '5-1 * * * *': 'beginning of range (5) beyond end of range (1): 5-1',
      '*/0 * * * *': 'step of range should be a positive number: */0',
      'x * * * *': 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax',
      '@fortnightly': 'unrecognized descriptor: @fortnightly',
    };
    for (const [text, message] of Object.entries(cases)) {
      assert.throws(() => parseCron(text), new CronError(message), text);
    }
  });
});
