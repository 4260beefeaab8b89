import assert from 'node:assert/strict';
import { podSpec } from './bench.fixture.ts';
import { keptMemory, podCgroup, resourceWrites, tierShares } from './cgroups.ts';

suite('cgroups', () => {
  test('podCgroup() puts guaranteed pods beside the other classes', () => {
    assert.equal(podCgroup('/w', { uid: 'a', qos: 'Guaranteed' }), '/w/kubepods/poda');
    assert.equal(podCgroup('/w', { uid: 'a', qos: 'Burstable' }), '/w/kubepods/burstable/poda');
  });

  test('tierShares() adds up what burstable pods ask for', () => {
    const asks = (cpuShares: number) => podSpec({ qos: 'Burstable', resources: { cpuShares } });
    const pods = [asks(102), asks(2), asks(512), podSpec({ qos: 'Guaranteed', resources: { cpuShares: 4096 } })];
    assert.equal(tierShares('Burstable', pods), 614);
    assert.equal(tierShares('Burstable', []), 2);
    assert.equal(tierShares('BestEffort', pods), 2);
  });

  test('keptMemory() adds up what pods ask for, of a class or of all', () => {
    const asks = (qos: 'Burstable' | 'Guaranteed', memoryLowBytes: number) =>
      podSpec({ qos, resources: { memoryLowBytes } });
    const pods = [asks('Burstable', 10), asks('Burstable', 5), asks('Guaranteed', 100), podSpec({ qos: 'BestEffort' })];
    assert.deepEqual([keptMemory(pods), keptMemory(pods, 'Burstable'), keptMemory(pods, 'BestEffort')], [115, 15, 0]);
  });

  test('resourceWrites() speaks both versions', () => {
    const cpu = { cpuShares: 1024, cpuQuota: 50_000, cpuPeriod: 100_000 };
    const resources = { ...cpu, memoryLimitBytes: 4096, memoryLowBytes: 1024, pidsLimit: 9 };
    const lines = (version: 'v1' | 'v2') =>
      resourceWrites(resources, version).map(({ file, value }) => `${file}=${value}`);
    assert.deepEqual(lines('v1'), [
      'cpu.shares=1024',
      'cpu.cfs_period_us=100000',
      'cpu.cfs_quota_us=50000',
      'memory.limit_in_bytes=4096',
      'pids.max=9',
    ]);
    assert.deepEqual(lines('v2'), [
      'cpu.weight=39',
      'cpu.max=50000 100000',
      'memory.max=4096',
      'memory.low=1024',
      'pids.max=9',
    ]);
    assert.deepEqual(resourceWrites({}, 'v2'), []);
  });
});
