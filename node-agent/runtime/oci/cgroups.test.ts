import assert from 'node:assert/strict';
import { podSpec } from './bench.fixture.ts';
import { keptMemory, podCgroup, tierShares } from './cgroups.ts';

suite('cgroups', () => {
  test('podCgroup() puts guaranteed pods beside the other classes', () => {
    assert.equal(podCgroup('/w', { uid: 'a', qos: 'Guaranteed' }), '/w/kubepods/poda');
    assert.equal(podCgroup('/w', { uid: 'a', qos: 'Burstable' }), '/w/kubepods/burstable/poda');
  });

  test('tierShares() adds up what burstable pods ask for', () => {
    const asks = (cpuMillis: number) => podSpec({ qos: 'Burstable', resources: { cpuMillis } });
    const pods = [asks(100), asks(100), podSpec({ qos: 'Burstable', resources: { cpuShares: 2 } }), asks(100)];
    // Thrice 102 would be less than three tenths of 1024.
    assert.equal(
      tierShares('Burstable', [...pods, podSpec({ qos: 'Guaranteed', resources: { cpuMillis: 4000 } })]),
      307,
    );
    assert.equal(tierShares('Burstable', []), 2);
    assert.equal(tierShares('BestEffort', pods), 2);
  });

  test('keptMemory() adds up what pods ask for, of a class or of all', () => {
    const asks = (qos: 'Burstable' | 'Guaranteed', memoryLowBytes: number) =>
      podSpec({ qos, resources: { memoryLowBytes } });
    const pods = [asks('Burstable', 10), asks('Burstable', 5), asks('Guaranteed', 100), podSpec({ qos: 'BestEffort' })];
    assert.deepEqual([keptMemory(pods), keptMemory(pods, 'Burstable'), keptMemory(pods, 'BestEffort')], [115, 15, 0]);
  });
});
