import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openCgroups } from './cgroup-files.ts';

/** Folders of plain files stand for a cgroup2 mount, which the machine need not have; v1 is tested with real containers. */
const v2 = { version: 'v2', hugePageBytes: [], keepsMemory: false } as const;

suite('cgroup files', () => {
  let mount: string;
  const put = (file: string, text: string) => {
    mkdirSync(path.dirname(path.join(mount, file)), { recursive: true });
    writeFileSync(path.join(mount, file), text);
  };
  const read = (file: string) => readFileSync(path.join(mount, file), 'utf8');
  setup(() => {
    mount = mkdtempSync(path.join(tmpdir(), 'wherry-cgroup-'));
  });
  teardown(() => rmSync(mount, { recursive: true }));

  test('make() hands controllers down to a cgroup of v2, and limits it', () => {
    put('cgroup.controllers', 'cpuset cpu io memory pids rdma\n');
    put('cgroup.subtree_control', 'memory\n');
    put('w/cgroup.controllers', 'cpu memory pids\n');
    put('w/cgroup.subtree_control', 'cpu memory pids\n');
    openCgroups(v2, mount).make('/w/pod', { cpuShares: 2, memoryLimitBytes: 4096 });
    assert.equal(read('cgroup.subtree_control'), '+cpuset +cpu +io +pids');
    assert.equal(read('w/cgroup.subtree_control'), 'cpu memory pids\n');
    assert.deepEqual([read('w/pod/cpu.weight'), read('w/pod/memory.max')], ['1', '4096']);
  });

  test('usage() and oomKills() read cgroup v2', () => {
    put('pod/cpu.stat', 'usage_usec 1234\nuser_usec 1000\nnr_periods 9\nnr_throttled 4\nthrottled_usec 6\n');
    put('pod/memory.current', '10000\n');
    put('pod/memory.stat', 'anon 1\nfile 5000\ninactive_file 4000\npgfault 7\npgmajfault 2\n');
    put('pod/memory.swap.current', '8192\n');
    put('pod/memory.swap.max', '9000\n');
    put('pod/memory.max', '20000\n');
    const full = 'full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n';
    put('pod/cpu.pressure', `some avg10=1.50 avg60=0.25 avg300=0.00 total=1234\n${full}`);
    put('pod/pids.current', '3\n');
    put('pod/memory.events', 'oom 2\noom_kill 1\n');
    const cgroups = openCgroups(v2, mount);
    assert.deepEqual(cgroups.usage('/pod'), {
      cpuNanoseconds: 1_234_000,
      memoryBytes: 10_000,
      workingSetBytes: 6000,
      rssBytes: 1,
      cacheBytes: 5000,
      swapBytes: 8192,
      memoryLimitBytes: 20_000,
      swapLimitBytes: 9000,
      pageFaults: 7,
      majorPageFaults: 2,
      pids: 3,
      throttling: { periods: 9, throttledPeriods: 4, throttledNanoseconds: 6000 },
      pressure: {
        cpu: {
          some: { total: 1234, avg10: 1.5, avg60: 0.25, avg300: 0 },
          full: { total: 0, avg10: 0, avg60: 0, avg300: 0 },
        },
      },
    });
    put('pod/memory.max', 'max\n');
    put('pod/memory.swap.max', 'max\n');
    assert.equal(cgroups.usage('/pod').memoryLimitBytes, undefined);
    assert.equal(cgroups.usage('/pod').swapLimitBytes, undefined);
    assert.equal(cgroups.oomKills('/pod'), 1);
    assert.equal(cgroups.oomKills('/gone'), 0);
  });

  test('usage() takes the swap of cgroup v1 from what is limited together', () => {
    mkdirSync(path.join(mount, 'memory'));
    put('memory/cgroup.procs', '');
    const cgroups = openCgroups({ ...v2, version: 'v1' }, mount);
    const unlimited = '9223372036854771712\n';
    const swapLimit = (memory: string, both: string) => {
      put('memory/pod/memory.limit_in_bytes', memory);
      put('memory/pod/memory.memsw.limit_in_bytes', both);
      return cgroups.usage('/pod').swapLimitBytes;
    };
    assert.equal(swapLimit('20000\n', '25000\n'), 5000);
    assert.equal(swapLimit('20000\n', '20000\n'), 0);
    assert.equal(swapLimit('20000\n', unlimited), undefined);
    assert.equal(swapLimit(unlimited, unlimited), undefined);
    assert.equal(swapLimit('20000\n', ''), undefined);
  });

  test('onShortage() hears from cgroup v2', async () => {
    put('pods/memory.events.local', 'max 0\n');
    const heard = new Promise<void>((resolve) => {
      const stop = openCgroups(v2, mount).onShortage('/pods', () => {
        stop();
        resolve();
      });
    });
    put('pods/memory.events.local', 'max 1\n');
    await heard;
  });

  test('remove() takes all below with it, and is content with nothing', () => {
    mkdirSync(path.join(mount, 'pod/a/b'), { recursive: true });
    const cgroups = openCgroups(v2, mount);
    assert.equal(cgroups.remove('/pod'), true);
    assert.equal(cgroups.remove('/pod'), true);
    assert.ok(!existsSync(path.join(mount, 'pod')));
  });
});
