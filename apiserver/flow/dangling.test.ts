import assert from 'node:assert/strict';
import { flowSchema } from '#lib/kinds/flow-schema.ts';
import { made, testNow } from '#lib/kinds/testing/objects.ts';
import { danglingCondition } from './dangling.ts';

suite('danglingCondition()', () => {
  const of = (conditions: object[], isFound: boolean) => {
    const spec = { priorityLevelConfiguration: { name: 'low' } };
    return danglingCondition(
      made(flowSchema, { spec, status: { conditions } }),
      (name) => isFound && name === 'low',
      testNow,
    );
  };
  const found = {
    type: 'Dangling',
    status: 'False',
    reason: 'Found',
    message: 'This FlowSchema references the PriorityLevelConfiguration object named "low" and it exists',
  };

  test('tells of a level that is there, and of one that is not', () => {
    assert.deepEqual(of([], true), { ...found, lastTransitionTime: '2024-01-01T01:00:00Z' });
    assert.deepEqual(of([{ type: 'Other', status: 'True' }], false), {
      type: 'Dangling',
      status: 'True',
      reason: 'NotFound',
      message:
        'This FlowSchema references the PriorityLevelConfiguration object named "low" but there is no such object',
      lastTransitionTime: '2024-01-01T01:00:00Z',
    });
  });

  test('says nothing new while it is so, and the time only changes with the status', () => {
    const since = { lastTransitionTime: '2023-01-01T00:00:00Z' };
    assert.equal(of([{ ...found, ...since }], true), undefined);
    assert.deepEqual(of([{ ...found, ...since, reason: 'Guess' }], true), { ...found, ...since });
    assert.equal(of([{ ...found, ...since }], false)?.lastTransitionTime, '2024-01-01T01:00:00Z');
  });
});
