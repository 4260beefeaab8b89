import assert from 'node:assert/strict';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { makeContainer, makePod, makeRun, makeSeen, startMs } from '../lifecycle/pods.fixture.ts';
import { makeProbeMeter } from './meter.ts';
import { makeProber } from './prober.ts';

suite('node-agent/probes/meter', () => {
  test('a prober tells how each try ended and how long it took, as long as the pod is probed', async () => {
    const env = makeFakeEnv({ startMs });
    const meter = makeProbeMeter();
    const codes = [0, 1, 1];
    const execSync = async () => {
      await env.sleep(300);
      return { exitCode: codes.shift()!, output: '', timedOut: false };
    };
    const events = { record: () => {}, stop: () => {} };
    const prober = makeProber({ env, events, executor: { execSync }, meter });
    const livenessProbe = { exec: { command: ['x'] }, periodSeconds: 10, failureThreshold: 9 };
    const pod = makePod({ containers: [makeContainer('app', { livenessProbe })] });
    prober.follow('uid-1', makeSeen(pod, [makeRun('app')]), () => {});
    await env.advance(21_000);
    const who = 'container="app",namespace="default",pod="web"';
    const lines = meter.render().split('\n');
    for (const line of [
      `prober_probe_total{${who},pod_uid="uid-1",probe_type="Liveness",result="successful"} 1`,
      `prober_probe_total{${who},pod_uid="uid-1",probe_type="Liveness",result="failed"} 2`,
      `prober_probe_duration_seconds_bucket{${who},probe_type="Liveness",le="0.25"} 0`,
      `prober_probe_duration_seconds_bucket{${who},probe_type="Liveness",le="0.5"} 3`,
    ])
      assert.ok(lines.includes(line), `${line} is not in\n${lines.join('\n')}`);
    prober.follow('uid-1', undefined, () => {});
    assert.equal(meter.render(), '');
  });
});
