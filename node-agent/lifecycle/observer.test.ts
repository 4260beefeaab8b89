import assert from 'node:assert/strict';
import { makeFakeEnv } from '#lib/env/fake.ts';
import type { ObservedPod, Runtime } from '../runtime/types.ts';
import { makeObserver } from './observer.ts';
import { makeEnd, makeRun, makeSandbox } from './pods.fixture.ts';

/** A runtime whose looks are answered by hand, one after the other. */
function slowRuntime() {
  const looks: ((pods: ObservedPod[]) => void)[] = [];
  const list = () => new Promise<ObservedPod[]>((resolve) => looks.push(resolve));
  return { runtime: { list } as unknown as Runtime, looks };
}

suite('node-agent/lifecycle/observer', () => {
  test('refresh() looks again for who asks during a look, once for all of them', async () => {
    const { runtime, looks } = slowRuntime();
    const observer = makeObserver(runtime, makeFakeEnv());
    const first = observer.refresh();
    const later = Promise.all([observer.refresh(), observer.refresh()]);
    looks[0]!([]);
    await first;
    assert.deepEqual(observer.uids(), []);
    while (looks.length < 2) await new Promise((resolve) => setImmediate(resolve));
    looks[1]!([makeSandbox()]);
    await later;
    assert.deepEqual([observer.uids(), looks.length], [['uid-1'], 2]);
  });

  test('refresh() does not undo what a verb answered during the look', async () => {
    const { runtime, looks } = slowRuntime();
    const observer = makeObserver(runtime, makeFakeEnv());
    const look = observer.refresh();
    observer.put(makeSandbox([makeRun('app')]));
    looks[0]!([makeSandbox()]);
    await look;
    assert.equal(observer.get('uid-1')?.containers.length, 1);
  });

  test('putRun() does not bring a run back to life that a look has seen ended', async () => {
    const { runtime, looks } = slowRuntime();
    const observer = makeObserver(runtime, makeFakeEnv());
    const states = () => observer.get('uid-1')?.containers.map(({ state }) => state);
    observer.put(makeSandbox());
    const look = observer.refresh();
    observer.putRun('uid-1', makeRun('app'));
    looks[0]!([makeSandbox([makeEnd('app', 1)])]);
    await look;
    assert.deepEqual(states(), ['exited']);
    observer.putRun('uid-1', makeRun('app'));
    assert.deepEqual(states(), ['exited']);
  });

  test('refresh() of one pod leaves the others as they are, and forgets one that is gone', async () => {
    const { runtime, looks } = slowRuntime();
    const observer = makeObserver(runtime, makeFakeEnv());
    for (const uid of ['uid-1', 'uid-2']) observer.put({ ...makeSandbox([makeRun('app')]), uid });
    const looking = Promise.all([observer.refresh('uid-1'), observer.refresh('uid-2')]);
    looks[0]!([makeSandbox([makeEnd('app', 1)])]);
    looks[1]!([]);
    await looking;
    assert.deepEqual([observer.uids(), observer.get('uid-1')?.containers[0]?.state], [['uid-1'], 'exited']);
  });

  test('refresh() does not undo what a look at one pod has found meanwhile', async () => {
    const { runtime, looks } = slowRuntime();
    const observer = makeObserver(runtime, makeFakeEnv());
    const both = ['uid-1', 'uid-2'].map((uid) => ({ ...makeSandbox([makeRun('app')]), uid }));
    const all = observer.refresh();
    const gone = observer.refresh('uid-1');
    looks[1]!([]);
    await gone;
    looks[0]!(both);
    await all;
    assert.deepEqual(observer.uids(), ['uid-2']);
  });

  test('get() shows a run that never began in place of what a look saw half made', async () => {
    const { runtime, looks } = slowRuntime();
    const observer = makeObserver(runtime, makeFakeEnv());
    const look = observer.refresh();
    looks[0]!([makeSandbox([makeRun('app', { state: 'created' })])]);
    await look;
    observer.putFailedRun('uid-1', makeEnd('app', 128, { id: 'failed' }));
    assert.deepEqual(
      observer.get('uid-1')?.containers.map(({ id }) => id),
      ['failed'],
    );
    observer.forgetFailedRun('uid-1', 'failed');
    assert.deepEqual(
      observer.get('uid-1')?.containers.map(({ state }) => state),
      ['created'],
    );
  });
});
