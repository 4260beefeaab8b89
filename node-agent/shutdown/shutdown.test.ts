import assert from 'node:assert/strict';
import { makeFakeEnv } from '#lib/env/fake.ts';
import type { Pod, PodSpec } from '#lib/kinds/gen/core-v1.ts';
import { makeEnd, makePod, makeRun, makeSeen } from '../lifecycle/pods.fixture.ts';
import type { Eviction, Seen } from '../lifecycle/types.ts';
import { checkShutdown, planShutdown } from './plan.ts';
import { endPods } from './shutdown.ts';

const critical = 2_000_000_000;
const podOf = (uid: string, spec: Partial<PodSpec> = {}): Pod => makePod(spec, undefined, { name: uid, uid });

suite('node-agent/shutdown', () => {
  test('planShutdown() ends critical pods after the others, none with more time than its group or itself has', () => {
    const config = { shutdownGracePeriod: 30, shutdownGracePeriodCriticalPods: 10 };
    const pods = [
      podOf('dns', { priority: critical }),
      podOf('web'),
      podOf('quick', { terminationGracePeriodSeconds: 5, priority: critical - 1 }),
    ];
    assert.deepEqual(planShutdown(pods, config), [
      {
        seconds: 20,
        pods: [
          { uid: 'web', graceSeconds: 20 },
          { uid: 'quick', graceSeconds: 5 },
        ],
      },
      { seconds: 10, pods: [{ uid: 'dns', graceSeconds: 10 }] },
    ]);
    assert.deepEqual(
      planShutdown([podOf('dns', { priority: critical })], config).map(({ seconds }) => seconds),
      [10],
    );
  });

  test('checkShutdown() refuses what cannot be meant', () => {
    checkShutdown({});
    checkShutdown({ shutdownGracePeriod: 10, shutdownGracePeriodCriticalPods: 10 });
    assert.throws(() => checkShutdown({ shutdownGracePeriod: 0.5 }), /at least one second/);
    assert.throws(() => checkShutdown({ shutdownGracePeriodCriticalPods: 5 }), /between zero and shutdownGracePeriod/);
  });

  /** Pods of which `stubborn` never ends, and the others 3 s after they are told to; nobody hears of any end before 4 s. */
  function setUp(...names: string[]) {
    const env = makeFakeEnv();
    const told: (Eviction & { uid: string; at: number })[] = [];
    const said: string[] = [];
    const pods = [
      ...names.map((name) => podOf(name, name === 'dns' ? { priority: critical } : {})),
      makePod({}, { phase: 'Succeeded' }, { uid: 'over' }),
    ];
    const began = env.monotonic();
    const seen = (pod: Pod): Seen => {
      const order = told.find(({ uid }) => uid === pod.metadata.uid);
      const since = order ? env.monotonic() - began - order.at : 0;
      const ended = order !== undefined && pod.metadata.name !== 'stubborn' && since >= 3000;
      return makeSeen(pod, [ended ? makeEnd('app') : makeRun('app')], { reported: ended && since >= 4000 });
    };
    const ending = endPods({
      env,
      config: { shutdownGracePeriod: 20, shutdownGracePeriodCriticalPods: 10 },
      pods: {
        all: () => pods.map(seen),
        seen: (uid) => seen(pods.find(({ metadata }) => metadata.uid === uid)!),
        evict: (uid, eviction) => void told.push({ uid, at: env.monotonic() - began, ...eviction }),
      },
      events: { record: ({ reason, message }) => void said.push(`${reason}: ${message}`) },
      node: {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name: 'n1', uid: 'n1', resourceVersion: '', creationTimestamp: '' },
      },
    });
    return { env, told, said, ending, began };
  }

  test('endPods() waits for the first group as long as it may take, and tells all why they end', async () => {
    const { env, told, said, ending, began } = setUp('dns', 'web', 'stubborn');
    await env.advance(60_000);
    await ending;
    assert.deepEqual(said, ['NodeShutdown: Shutdown manager detected shutdown event']);
    const [web, stubborn, dns, ...more] = told;
    assert.deepEqual(more, []);
    assert.deepEqual([web!.uid, stubborn!.uid, dns!.uid], ['web', 'stubborn', 'dns']);
    const { at, ...eviction } = web!;
    assert.deepEqual(eviction, {
      uid: 'web',
      reason: 'Terminated',
      message: 'Pod was terminated in response to imminent node shutdown.',
      graceSeconds: 10,
      disrupts: true,
    });
    assert.equal(at, 0);
    assert.equal(stubborn!.at, 0);
    assert.equal(dns!.at, 10_000);
    assert.ok(env.monotonic() - began >= 15_000);
  });

  test('endPods() goes on as soon as a group has ended, and gives the API time to hear', async () => {
    const { env, told, ending } = setUp('dns', 'web');
    let over = false;
    void ending.then(() => (over = true));
    await env.advance(3000);
    assert.equal(told.find(({ uid }) => uid === 'dns')?.at, 3000);
    await env.advance(3000);
    assert.equal(over, false);
    await env.advance(1100);
    await ending;
  });
});
