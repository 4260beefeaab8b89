import assert from 'node:assert/strict';
import { widest } from '../widest.ts';
import { resizeWrites } from './resize-writes.ts';

suite('resizing cgroups', () => {
  const small = { cpuShares: 256, cpuQuota: 50_000, cpuPeriod: 100_000, memoryLimitBytes: 4096, memoryLowBytes: 1024 };
  const large = { cpuShares: 512, cpuQuota: 80_000, cpuPeriod: 100_000, memoryLimitBytes: 8192, memoryLowBytes: 2048 };
  const lines = (from: object, to: object, version: 'v1' | 'v2', boundsSwap = false, keepsMemory = false) =>
    resizeWrites(from, to, { dialect: { version, hugePageBytes: [2 ** 21], keepsMemory }, boundsSwap }).map(
      ({ file, value }) => `${file}=${value}`,
    );

  test('resizeWrites() speaks both versions', () => {
    assert.deepEqual(lines(small, large, 'v1'), [
      'cpu.shares=512',
      'cpu.cfs_period_us=100000',
      'cpu.cfs_quota_us=80000',
      'memory.limit_in_bytes=8192',
    ]);
    assert.deepEqual(lines(small, large, 'v2'), [
      'cpu.weight=20',
      'cpu.max=80000 100000',
      'memory.max=8192',
      'memory.low=2048',
    ]);
  });

  test('resizeWrites() lifts limits that are gone', () => {
    assert.deepEqual(lines(small, {}, 'v1', true), [
      'memory.memsw.limit_in_bytes=-1',
      'cpu.shares=2',
      'cpu.cfs_period_us=100000',
      'cpu.cfs_quota_us=-1',
      'memory.limit_in_bytes=-1',
    ]);
    assert.deepEqual(lines(small, {}, 'v2'), ['cpu.weight=1', 'cpu.max=max 100000', 'memory.max=max', 'memory.low=0']);
  });

  test('resizeWrites() keeps the bound of swap above that of memory at each write', () => {
    assert.equal(lines(small, large, 'v1', true).at(0), 'memory.memsw.limit_in_bytes=8192');
    assert.equal(lines(large, small, 'v1', true).at(-1), 'memory.memsw.limit_in_bytes=4096');
    assert.equal(lines({}, small, 'v1', true).at(-1), 'memory.memsw.limit_in_bytes=4096');
  });

  test('resizeWrites() gives swap its share, and leaves alone what nobody can change', () => {
    const to = {
      ...large,
      swapLimitBytes: 512,
      hugePages: { '2Mi': 2 ** 21 },
      io: { devices: [{ device: '1:0', rbps: 1 }] },
    };
    assert.equal(lines(small, to, 'v1', true).at(0), 'memory.memsw.limit_in_bytes=8704');
    const v2 = lines(small, to, 'v2', true);
    assert.equal(v2.at(-1), 'memory.swap.max=512');
    assert.ok(!v2.some((line) => /^(hugetlb|io)/.test(line)));
    assert.equal(lines(small, large, 'v2', true).at(-1), 'memory.swap.max=0');
    assert.ok(lines(small, large, 'v2', true, true).includes('memory.high=max'));
    assert.ok(lines(small, { ...large, memoryHighBytes: 4096 }, 'v2', true, true).includes('memory.high=4096'));
  });

  test('widest() allows what either allows', () => {
    assert.deepEqual(widest(small, large), large);
    assert.deepEqual(widest({ ...large, cpuQuota: 1000 }, small), { ...large, cpuQuota: 50_000 });
    assert.deepEqual(widest(small, { cpuShares: 2 }), { cpuShares: 256, memoryLowBytes: 1024 });
  });
});
