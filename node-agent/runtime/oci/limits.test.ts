import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { ContainerUsage, ObservedContainer, ObservedPod, SandboxSpec } from '../types.ts';
import { containerSpec, makeBench, podSpec } from './bench.fixture.ts';
import type { Bench, ContainerWishes } from './bench.fixture.ts';

const forever = 'trap "exit 0" TERM; while :; do sleep 0.1; done';
const v2 = existsSync('/sys/fs/cgroup/cgroup.controllers');
const pool = '/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages';
const mebi = 2 ** 20;
/** Of a command, on whatever machine. */
const slowestMs = 150_000;

/** What the kernel holds real pods to, of the version of cgroups that the machine has. */
suite('oci runtime: limits', () => {
  let bench: Bench;
  let pagesBefore: string | undefined;
  suiteSetup(async () => {
    if (existsSync(pool)) {
      pagesBefore = readFileSync(pool, 'utf8');
      writeFileSync(pool, String(Number(pagesBefore) + 2));
    }
    bench = await makeBench({ keepsMemory: true });
    await bench.call('prepareNode');
  });
  suiteTeardown(async () => {
    await bench?.close();
    if (pagesBefore !== undefined) writeFileSync(pool, pagesBefore);
  });

  const start = async (sandbox: Partial<SandboxSpec>, resources: ContainerWishes['resources'] = {}) => {
    const pod = podSpec(sandbox);
    await bench.call<ObservedPod>('preparePod', pod);
    const { id } = await bench.call<ObservedContainer>(
      'startContainer',
      containerSpec(bench, pod, forever, { resources }),
    );
    return { pod, id };
  };
  type Started = Awaited<ReturnType<typeof start>>;
  /** Whether the node, in whose namespaces this looks, has such files of controllers. */
  const folderOf = ({ pod, id }: Started, controller: string, part: 'pod' | 'container') =>
    `/sys/fs/cgroup${v2 ? '' : `/${controller}`}${bench.cgroupRoot}/kubepods/besteffort/pod${pod.uid}${part === 'pod' ? '' : `/${id}`}`;
  const read = (started: Started, controller: string, file: string, part: 'pod' | 'container' = 'container') =>
    bench.inNode(`cat ${folderOf(started, controller, part)}/${file}`).trim();
  const exec = (id: string, script: string) =>
    bench.call<{ exitCode: number; output: string }>('execSync', id, ['sh', '-c', script], slowestMs);

  test('huge pages are for those who asked (needs pages of 2 MiB and their controller)', async function () {
    const started = await start({ resources: { hugePages: { '2Mi': 4 * mebi } } }, { hugePages: { '2Mi': 2 * mebi } });
    const has =
      existsSync(pool) && bench.inNode(`ls ${folderOf(started, 'hugetlb', 'pod')} || :`).includes('hugetlb.2MB');
    if (!has) return this.skip();
    const file = v2 ? 'max' : 'limit_in_bytes';
    assert.equal(read(started, 'hugetlb', `hugetlb.2MB.${file}`, 'pod'), String(4 * mebi));
    assert.equal(read(started, 'hugetlb', `hugetlb.2MB.rsvd.${file}`, 'pod'), String(4 * mebi));
    assert.equal(read(started, 'hugetlb', `hugetlb.2MB.${file}`), String(2 * mebi));
    const plain = await start({});
    assert.equal(read(plain, 'hugetlb', `hugetlb.2MB.${file}`, 'pod'), '0');
    assert.equal(read(plain, 'hugetlb', `hugetlb.2MB.${file}`), '0');
  });

  test('swap is limited (needs a kernel that can)', async function () {
    const resources = { memoryLimitBytes: 32 * mebi, swapLimitBytes: 4 * mebi };
    const started = await start({ resources: { memoryLimitBytes: 32 * mebi } }, resources);
    const file = v2 ? 'memory.swap.max' : 'memory.memsw.limit_in_bytes';
    if (!bench.inNode(`ls ${folderOf(started, 'memory', 'container')}`).includes(file)) return this.skip();
    assert.equal(read(started, 'memory', file), String((v2 ? 4 : 36) * mebi));
    const [usage] = await bench.call<ContainerUsage[]>('stats', started.pod.uid);
    assert.deepEqual([usage?.swapLimitBytes, usage?.swapBytes], [4 * mebi, 0]);
    const change = { id: started.id, resources: { memoryLimitBytes: 24 * mebi, swapLimitBytes: 8 * mebi }, asked: {} };
    await bench.call('resizePod', started.pod.uid, { pod: { memoryLimitBytes: 24 * mebi }, containers: [change] });
    assert.equal(read(started, 'memory', file), String((v2 ? 8 : 32) * mebi));
    const none = await start({}, { memoryLimitBytes: 32 * mebi });
    assert.equal(read(none, 'memory', file), String((v2 ? 0 : 32) * mebi));
  });

  test('memory is kept, and slowed down for, where it should be (needs cgroup v2)', async function () {
    if (!v2) return this.skip();
    const resources = { memoryLowBytes: 8 * mebi, memoryHighBytes: 16 * mebi, memoryLimitBytes: 32 * mebi };
    const started = await start({ resources: { memoryLowBytes: 8 * mebi } }, resources);
    assert.deepEqual(
      ['memory.min', 'memory.low', 'memory.high'].map((file) => read(started, 'memory', file)),
      [String(8 * mebi), '0', String(16 * mebi)],
    );
    assert.equal(read(started, 'memory', 'memory.min', 'pod'), String(8 * mebi));
    const above = `/sys/fs/cgroup${bench.cgroupRoot}/kubepods`;
    assert.equal(bench.inNode(`cat ${above}/memory.min ${above}/besteffort/memory.min`), `${8 * mebi}\n${8 * mebi}\n`);
  });

  test('what is written is held up (needs a disk whose use can be limited)', async function () {
    const io = { devices: [{ device: '', wbps: mebi, riops: 500 }] };
    const started = await start({ resources: { io: { devices: [{ device: '', wbps: 2 * mebi }] } } }, { io }).catch(
      (error: Error) => error,
    );
    if (started instanceof Error) {
      assert.match(started.message, /is on no block device that this node knows of/);
      return this.skip();
    }
    if (v2) {
      assert.match(read(started, 'io', 'io.max'), /^\d+:\d+ rbps=max wbps=1048576 riops=500 wiops=max$/);
      assert.match(read(started, 'io', 'io.max', 'pod'), /^\d+:\d+ rbps=max wbps=2097152 riops=max wiops=max$/);
    } else {
      assert.match(read(started, 'blkio', 'blkio.throttle.write_bps_device'), /^\d+:\d+ 1048576$/);
      assert.match(read(started, 'blkio', 'blkio.throttle.read_iops_device'), /^\d+:\d+ 500$/);
    }
    const began = Date.now();
    const { exitCode, output } = await exec(started.id, 'dd if=/dev/zero of=/x bs=1M count=3 oflag=direct');
    assert.equal(exitCode, 0, output);
    // A machine of any speed needs that long, and the first second may be free.
    assert.ok(Date.now() - began >= 1900, `${Date.now() - began} ms`);
  });
});
