import assert from 'node:assert/strict';
import { resourceWrites } from './cgroup-writes.ts';
import type { CgroupDialect } from './cgroup-writes.ts';

suite('cgroup writes', () => {
  const lines = (resources: object, version: 'v1' | 'v2', more: Partial<CgroupDialect> = {}) =>
    resourceWrites(resources, { version, hugePageBytes: [], keepsMemory: false, ...more }).map(
      ({ file, value }) => `${file}=${value}`,
    );

  test('resourceWrites() speaks both versions', () => {
    const cpu = { cpuShares: 1024, cpuQuota: 50_000, cpuPeriod: 100_000 };
    const resources = { ...cpu, memoryLimitBytes: 4096, memoryLowBytes: 1024, pidsLimit: 9 };
    assert.deepEqual(lines(resources, 'v1'), [
      'cpu.shares=1024',
      'cpu.cfs_period_us=100000',
      'cpu.cfs_quota_us=50000',
      'memory.limit_in_bytes=4096',
      'pids.max=9',
    ]);
    assert.deepEqual(lines(resources, 'v2'), [
      'cpu.weight=39',
      'cpu.max=50000 100000',
      'memory.max=4096',
      'memory.low=1024',
      'pids.max=9',
    ]);
    assert.deepEqual(lines({}, 'v2'), []);
  });

  test('resourceWrites() weighs what upstream’s formula weighs', () => {
    const weight = (cpuShares: number) => lines({ cpuShares }, 'v2')[0];
    assert.deepEqual(
      [2, 102, 307, 1024, 2048, 262_144].map(weight),
      [1, 4, 12, 39, 79, 10_000].map((each) => `cpu.weight=${each}`),
    );
  });

  test('resourceWrites() keeps memory for good where told so, and slows down before the limit', () => {
    const resources = { memoryLowBytes: 4096, memoryHighBytes: 8192 };
    assert.deepEqual(lines(resources, 'v2', { keepsMemory: true }), ['memory.min=4096', 'memory.high=8192']);
    assert.deepEqual(lines(resources, 'v1', { keepsMemory: true }), []);
  });

  test('resourceWrites() limits having and reserving huge pages, of every size there is', () => {
    const hugePageBytes = [64 * 1024, 2 ** 21, 2 ** 30];
    assert.deepEqual(lines({ hugePages: { '2Mi': 2 ** 22 } }, 'v2', { hugePageBytes }), [
      'hugetlb.64KB.max=0',
      'hugetlb.64KB.rsvd.max=0',
      'hugetlb.2MB.max=4194304',
      'hugetlb.2MB.rsvd.max=4194304',
      'hugetlb.1GB.max=0',
      'hugetlb.1GB.rsvd.max=0',
    ]);
    assert.deepEqual(lines({ hugePages: {} }, 'v1', { hugePageBytes: [2 ** 21] }), [
      'hugetlb.2MB.limit_in_bytes=0',
      'hugetlb.2MB.rsvd.limit_in_bytes=0',
    ]);
    assert.deepEqual(lines({}, 'v1', { hugePageBytes }), []);
  });

  test('resourceWrites() limits input and output of v2, a line for each device', () => {
    const io = {
      devices: [
        { device: '254:0', rbps: 5, wiops: 7 },
        { device: '8:0', wbps: 1 },
      ],
      weight: 2000,
    };
    const limits = ['io.max=254:0 rbps=5 wiops=7', 'io.max=8:0 wbps=1'];
    assert.deepEqual(lines({ io }, 'v2', { ioWeight: 'io.weight' }), [...limits, 'io.weight=2000']);
    assert.deepEqual(lines({ io }, 'v2', { ioWeight: 'io.bfq.weight' }), [...limits, 'io.bfq.weight=1000']);
    assert.deepEqual(lines({ io }, 'v2'), limits);
    assert.deepEqual(lines({ io }, 'v1'), []);
  });
});
