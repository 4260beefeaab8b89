import assert from 'node:assert/strict';
import fc from 'fast-check';
import { podInfo } from './cluster/pod-info.ts';
import { Heap } from './heap.ts';
import { SchedulingQueue } from './queue.ts';
import { samplePod } from './samples.ts';

const pod = (name: string, priority = 0) => podInfo(samplePod({ name, spec: { priority } }));

suite('SchedulingQueue', () => {
  test('pop() gives out by priority, then by age, each pod once', () => {
    const queue = new SchedulingQueue();
    for (const [name, priority] of [
      ['a', 0],
      ['b', 5],
      ['c', 0],
      ['d', 5],
    ] as const)
      queue.add(pod(name, priority));
    assert.deepEqual(
      [1, 2, 3, 4].map(() => queue.pop()!.info.name),
      ['b', 'd', 'a', 'c'],
    );
    assert.equal(queue.pop(), undefined);
  });

  test('pop() heeds a change of priority and skips removed pods', () => {
    const queue = new SchedulingQueue();
    const late = pod('late');
    const gone = pod('gone');
    queue.add(pod('early'));
    queue.add(gone);
    queue.add(late);
    queue.update({ ...late, priority: 7 }, false, 0);
    queue.remove(gone.uid);
    assert.deepEqual([queue.pop()!.info.name, queue.pop()!.info.name, queue.pop()], ['late', 'early', undefined]);
  });

  test('a parked pod comes back only when woken, and after a rest that doubles up to ten seconds', () => {
    const queue = new SchedulingQueue();
    queue.add(pod('a'));
    let now = 0;
    const rests = [];
    for (let attempt = 0; attempt < 6; attempt++) {
      const waiting = queue.pop()!;
      queue.park(waiting, now);
      queue.releaseRested(now + 60_000);
      assert.equal(queue.pop(), undefined);
      queue.wake(() => true, now);
      const due = queue.nextRested()!;
      rests.push(due - now);
      queue.releaseRested(due - 1);
      assert.equal(queue.pop(), undefined);
      queue.releaseRested(due);
      now = due;
    }
    assert.deepEqual(rests, [1000, 2000, 4000, 8000, 10_000, 10_000]);
  });

  test('wake() leaves alone what the change does not help', () => {
    const queue = new SchedulingQueue();
    for (const name of ['a', 'b']) queue.add(pod(name));
    for (const waiting of [queue.pop()!, queue.pop()!]) queue.park(waiting, 0);
    queue.wake(({ info }) => info.name === 'b', 5000);
    assert.equal(queue.pop()!.info.name, 'b');
    assert.equal(queue.pop(), undefined);
  });
});

test('Heap gives its items out in order', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), (numbers) => {
      const heap = new Heap<number>((a, b) => a < b);
      for (const number of numbers) heap.push(number);
      assert.deepEqual(
        numbers.map(() => heap.pop()),
        numbers.toSorted((a, b) => a - b),
      );
    }),
  );
});
