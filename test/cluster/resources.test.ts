/** What nodes limit beside processors and memory, huge pages, input and output; and whether containers see their limits. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { demandCommand } from '#lib/env/command.ts';
import type { Node, Pod, PodSpec } from '#lib/kinds/gen/core-v1.ts';
import { assertNothingRemains, eventually, startTestCluster } from '../harness/cluster.ts';
import type { TestCluster } from '../harness/cluster.ts';
import { patience } from '../harness/eventually.ts';
import { reconfigure } from '../harness/reconfigure.ts';
import { container, forever } from './place.ts';

const name = 'node-1';
const mebi = 2 ** 20;
const v2 = existsSync('/sys/fs/cgroup/cgroup.controllers');
const pool = '/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages';
const pagesWanted = 4;
const pages = () => Number(readFileSync(pool, 'utf8'));

suite('what a node limits', function () {
  this.timeout(120_000);
  let cluster: TestCluster;
  let pagesBefore = 0;
  let hasPages = false;

  const run = (pod: string, spec: Partial<PodSpec>, annotations: Record<string, string> = {}) =>
    cluster.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: pod, namespace: 'default', annotations },
      spec: { terminationGracePeriodSeconds: 1, nodeName: name, ...spec },
    });
  const pod = (called: string) => cluster.get<Pod>('pod', called);
  const phase = (called: string, wanted: string) =>
    eventually(`${called} is ${wanted}`, async () => (await pod(called)).status?.phase === wanted);
  const inside = (called: string, script: string) => cluster.kubectl('exec', called, '--', 'sh', '-c', script);
  const cgroupRoot = () => `${cluster.layout.nodes[0]!.cgroupRoot}/kubepods`;
  /** A file of the container's cgroup, as the node sees it. */
  async function cgroupFile(called: string, controller: string, file: string): Promise<string> {
    const { metadata, status } = await pod(called);
    const id = status!.containerStatuses![0]!.containerID!.split('//')[1]!;
    const tier = status!.qosClass === 'Guaranteed' ? '' : `/${status!.qosClass!.toLowerCase()}`;
    const below = `${cgroupRoot()}${tier}/pod${metadata.uid}/${id}/${file}`;
    const path = `/sys/fs/cgroup${v2 ? '' : `/${controller}`}${below}`;
    return await inNode(`cat ${path}`);
  }
  /** Runs a command where the node's agent lives: hierarchies may be mounted there alone. */
  const inNode = (command: string) =>
    demandCommand('look into the node', 'nsenter', [`--target=${cluster.pidOf(name)}`, '--mount', 'sh', '-c', command]);

  suiteSetup(async function () {
    this.timeout(180_000 * patience);
    if (existsSync(pool)) {
      pagesBefore = pages();
      writeFileSync(pool, String(pagesBefore + pagesWanted));
      hasPages = pages() >= pagesBefore + pagesWanted;
    }
    cluster = await startTestCluster('limits', 1);
    await eventually('the default account', () => cluster.kubectl('get', 'serviceaccount', 'default'));
  });
  suiteTeardown(async function () {
    this.timeout(180_000 * patience);
    await cluster?.remove();
    if (existsSync(pool)) writeFileSync(pool, String(pagesBefore));
    if (cluster) await assertNothingRemains(cluster.layout);
  });

  suite('huge pages (needs a kernel that can set four of 2 MiB aside)', () => {
    const asking = (amount: string) => ({
      containers: [
        container(forever, {
          resources: { limits: { 'hugepages-2Mi': amount, memory: '32Mi', cpu: '100m' } },
          volumeMounts: [{ name: 'huge', mountPath: '/huge' }],
        }),
      ],
      volumes: [{ name: 'huge', emptyDir: { medium: 'HugePages' } }],
    });
    suiteSetup(function () {
      if (!hasPages) this.skip();
    });

    test('the node tells how many there are, and that they are no ordinary memory', async () => {
      const { status } = await cluster.get<Node>('node', name);
      const { capacity = {}, allocatable = {} } = status!;
      assert.equal(capacity['hugepages-2Mi'], `${2 * pages()}Mi`);
      assert.equal(allocatable['hugepages-2Mi'], capacity['hugepages-2Mi']);
      const kibi = (text: unknown) => Number(/^(\d+)Ki$/.exec(String(text))?.[1]);
      // Beside them, what evictions keep back by default.
      assert.equal(kibi(capacity['memory']) - kibi(allocatable['memory']), 100 * 1024 + 2 * 1024 * pages());
    });

    test('a container gets those it asked for and no more (needs the hugetlb controller)', async function () {
      if (!readFileSync('/proc/cgroups', 'utf8').includes('hugetlb')) return this.skip();
      await run('huge', asking('4Mi'));
      await phase('huge', 'Running');
      assert.equal(
        Number(await cgroupFile('huge', 'hugetlb', v2 ? 'hugetlb.2MB.max' : 'hugetlb.2MB.limit_in_bytes')),
        4 * mebi,
      );
      assert.equal(await inside('huge', 'fallocate -l 4194304 /huge/x && echo got'), 'got\n');
      await assert.rejects(inside('huge', 'fallocate -l 6291456 /huge/x'), /No space|Cannot allocate|exit code/);
      await run('plain', { containers: [container(forever)] });
      await phase('plain', 'Running');
      assert.equal(
        Number(await cgroupFile('plain', 'hugetlb', v2 ? 'hugetlb.2MB.max' : 'hugetlb.2MB.limit_in_bytes')),
        0,
      );
    });

    test('who asks for more than are left is refused', async () => {
      await run('greedy', asking(`${2 * pages() + 2}Mi`));
      await phase('greedy', 'Failed');
      const { status } = await pod('greedy');
      assert.equal(status?.reason, 'OutOfhugepages-2Mi');
      await run('unplaced', { ...asking(`${2 * pages() + 2}Mi`), nodeName: '' });
      await eventually('the scheduler’s word', async () =>
        (await cluster.kubectl('get', 'events', '--field-selector=involvedObject.name=unplaced')).includes(
          '0/1 nodes are available: 1 Insufficient hugepages-2Mi',
        ),
      );
      await cluster.kubectl('delete', 'pod', '--all', '--now');
    });
  });

  test('the node tells how long processes had to wait, and with cgroup v2 of containers too (needs pressure stall information)', async function () {
    if (!existsSync('/proc/pressure/cpu')) return this.skip();
    await run('waits', { containers: [container(forever)] });
    await phase('waits', 'Running');
    const page = (path: string) => cluster.kubectl('get', '--raw', `/api/v1/nodes/${name}/proxy${path}`);
    type Waiting = Record<'cpu' | 'memory' | 'io', { psi?: { some: { total: number }; full: { total: number } } }>;
    const { node, pods } = JSON.parse(await page('/stats/summary')) as {
      node: Waiting;
      pods: (Waiting & { podRef: { name: string }; containers: Waiting[] })[];
    };
    const told = (of: Waiting | undefined) =>
      (['cpu', 'memory', 'io'] as const).map((each) => typeof of?.[each]?.psi?.full.total);
    assert.deepEqual(told(node), ['number', 'number', 'number']);
    assert.ok(node.cpu.psi!.some.total > 0);
    const waits = pods.find(({ podRef }) => podRef.name === 'waits');
    const ofPods = v2 ? 'number' : 'undefined';
    assert.deepEqual(told(waits), [ofPods, ofPods, ofPods]);
    assert.deepEqual(told(waits?.containers[0]), [ofPods, ofPods, ofPods]);
    const metrics = await page('/metrics/cadvisor');
    for (const resource of ['cpu', 'memory', 'io']) {
      for (const how of ['waiting', 'stalled']) {
        const series = `container_pressure_${resource}_${how}_seconds_total`;
        assert.match(metrics, new RegExp(`^${series}\\{container="",id="/",`, 'm'));
        assert.equal(new RegExp(`^${series}\\{container="app",.*pod="waits"`, 'm').test(metrics), v2);
      }
    }
    await cluster.kubectl('delete', 'pod', '--all', '--now');
  });

  suite('input and output', () => {
    const disk = ['io', 'blkio'].some((each) => readFileSync('/proc/cgroups', 'utf8').includes(each));
    const limited = 'container.io.wherry.local/app';

    test('a container writes no faster than it may (needs limits of disks)', async function () {
      if (!disk || readdirSync('/sys/dev/block').length === 0) return this.skip();
      await run('writes', { containers: [container(forever)] }, { [limited]: 'wbps=1Mi riops=5000' });
      await phase('writes', 'Running');
      if (v2) assert.match(await cgroupFile('writes', 'io', 'io.max'), /^\d+:\d+ rbps=max wbps=1048576 riops=5000/m);
      else {
        assert.match(await cgroupFile('writes', 'blkio', 'blkio.throttle.write_bps_device'), /^\d+:\d+ 1048576$/m);
        assert.match(await cgroupFile('writes', 'blkio', 'blkio.throttle.read_iops_device'), /^\d+:\d+ 5000$/m);
      }
      const began = Date.now();
      await inside('writes', 'dd if=/dev/zero of=/x bs=1M count=3 oflag=direct');
      // A machine of any speed needs that long, and the first second may be free.
      assert.ok(Date.now() - began >= 1900, `${Date.now() - began} ms`);
    });

    test('a pod’s limit holds for its containers', async function () {
      if (!disk || readdirSync('/sys/dev/block').length === 0) return this.skip();
      const annotations = { 'io.wherry.local/pod': 'wbps=2Mi rbps=3Mi', [limited]: 'wbps=5Mi' };
      await run('both', { containers: [container(forever)] }, annotations);
      await phase('both', 'Running');
      if (v2) {
        assert.match(await cgroupFile('both', 'io', '../io.max'), /^\d+:\d+ rbps=3145728 wbps=2097152 /m);
        assert.match(await cgroupFile('both', 'io', 'io.max'), /^\d+:\d+ rbps=max wbps=5242880 /m);
      } else {
        assert.match(await cgroupFile('both', 'blkio', 'blkio.throttle.write_bps_device'), /^\d+:\d+ 2097152$/m);
        assert.match(await cgroupFile('both', 'blkio', 'blkio.throttle.read_bps_device'), /^\d+:\d+ 3145728$/m);
      }
    });

    test('a weight is given where the kernel knows weights, and refused elsewhere', async () => {
      const file = ['io.weight', 'io.bfq.weight'].find(
        (each) => v2 && existsSync(`/sys/fs/cgroup${cgroupRoot()}/${each}`),
      );
      await run('heavy', { containers: [container(forever)] }, { 'io.wherry.local/pod': 'weight=300' });
      if (file !== undefined) {
        await phase('heavy', 'Running');
        assert.match(await cgroupFile('heavy', 'io', `../${file}`), /^(default )?300$/m);
        return;
      }
      await eventually('the event', async () =>
        (await cluster.kubectl('get', 'events', '--field-selector=involvedObject.name=heavy')).includes(
          'Failed to create pod sandbox: Cannot weigh input and output: ',
        ),
      );
    });

    test('what cannot be understood the API refuses, and what the node has not is told in events', async () => {
      await assert.rejects(
        run('wrong', { containers: [container(forever)] }, { [limited]: 'wbps=fast' }),
        /metadata.annotations\[container.io.wherry.local\/app\]: Invalid value: "wbps=fast": wbps must be a whole number/,
      );
      await run('nowhere', { containers: [container(forever)] }, { 'io.wherry.local/pod': '/dev/none wbps=1Mi' });
      await eventually('the event', async () =>
        (await cluster.kubectl('get', 'events', '--field-selector=involvedObject.name=nowhere')).includes(
          'Failed to create pod sandbox: Cannot limit input and output: /dev/none is no block device of this node',
        ),
      );
      await run('nowhere-either', { containers: [container(forever)] }, { [limited]: '/dev/none wbps=1Mi' });
      await eventually('the reason', async () => {
        const { status } = await pod('nowhere-either');
        return status?.containerStatuses?.[0]?.state?.waiting?.message?.includes('/dev/none is no block device');
      });
      await cluster.kubectl('delete', 'pod', '--all', '--now');
    });
  });

  suite('honest files in /proc (needs lxcfs)', () => {
    // Those of the node, as busybox asks the kernel itself and not its files.
    const look = '/usr/bin/free -m; /usr/bin/getconf _NPROCESSORS_ONLN; grep -c ^processor /proc/cpuinfo';
    const folders = { '/usr': '/usr', '/lib': '/usr/lib', '/lib64': '/usr/lib64' };
    const programs = Object.entries(folders).map(([mountPath, path], i) => ({
      mountPath,
      path,
      name: `programs-${i}`,
    }));
    const runWithPrograms = (called: string, resources: object) =>
      run(called, {
        containers: [
          container(forever, {
            resources,
            volumeMounts: programs.map(({ name, mountPath }) => ({ name, mountPath, readOnly: true })),
          }),
        ],
        volumes: programs.map(({ name, path }) => ({ name, hostPath: { path } })),
      });
    const total = (text: string) => Number(/^Mem:\s+(\d+)/m.exec(text)?.[1]);
    suiteSetup(function () {
      if (!existsSync('/usr/bin/lxcfs')) this.skip();
    });

    test('a container sees its own limits once the node is told so, and no longer when it is not', async () => {
      await runWithPrograms('early', {});
      await phase('early', 'Running');
      await reconfigure(cluster, name, { honestProc: true });
      await runWithPrograms('honest', { limits: { cpu: '1', memory: '64Mi' } });
      await phase('honest', 'Running');
      const own = await inside('honest', look);
      assert.equal(total(own), 64);
      assert.match(own, /\n1\n1\n$/);
      assert.ok(total(await inside('early', look)) > 64);
      await reconfigure(cluster, name, { honestProc: false });
      assert.ok(total(await inside('honest', look)) > 64);
      assert.equal((await pod('honest')).status?.containerStatuses?.[0]?.restartCount, 0);
      // What is left of it when the cluster goes is looked for at the end.
      await reconfigure(cluster, name, { honestProc: true });
      assert.equal(total(await inside('honest', look)), 64);
    });
  });

  suite('what the node’s rules give of memory', () => {
    const page = 4096;
    const down = (bytes: number) => Math.floor(bytes / page) * page;
    const kernelSays = (field: string) =>
      Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]) * 1024;
    const request = 64 * mebi;
    const limit = 128 * mebi;
    const burstable = {
      containers: [
        container(forever, { resources: { requests: { memory: String(request) }, limits: { memory: String(limit) } } }),
      ],
    };
    const whole = { memory: '64Mi', cpu: '50m' };
    const guaranteed = { containers: [container(forever, { resources: { requests: whole, limits: whole } })] };

    test('LimitedSwap gives burstable pods their share and others none (needs swap, or to add some, and limits of it)', async function () {
      const file = `${cluster.layout.stateDir}/swap`;
      const limits = v2
        ? `/sys/fs/cgroup${cgroupRoot()}/memory.swap.max`
        : '/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes';
      if (!existsSync(limits)) return this.skip();
      const make = `fallocate -l 64M ${file} && chmod 600 ${file} && mkswap ${file} && swapon ${file}`;
      const added = await demandCommand('add swap', 'sh', ['-c', make]).then(
        () => true,
        () => false,
      );
      try {
        if (kernelSays('SwapTotal') === 0) return this.skip();
        await reconfigure(cluster, name, { memorySwap: { swapBehavior: 'LimitedSwap' } });
        const swapOf = async (called: string) => {
          if (v2) return Number(await cgroupFile(called, 'memory', 'memory.swap.max'));
          const both = Number(await cgroupFile(called, 'memory', 'memory.memsw.limit_in_bytes'));
          return both - Number(await cgroupFile(called, 'memory', 'memory.limit_in_bytes'));
        };
        await run('shares', burstable);
        await run('none', guaranteed);
        await phase('shares', 'Running');
        await phase('none', 'Running');
        const share = Math.floor((request / kernelSays('MemTotal')) * kernelSays('SwapTotal'));
        assert.equal(await swapOf('shares'), down(share));
        assert.equal(await swapOf('none'), 0);
        const summary = JSON.parse(
          await cluster.kubectl('get', '--raw', `/api/v1/nodes/${name}/proxy/stats/summary`),
        ) as { pods: { podRef: { name: string }; containers: { swap: object }[] }[] };
        const { time: _, ...swap } = summary.pods.find(({ podRef }) => podRef.name === 'shares')!.containers[0]!
          .swap as Record<string, unknown>;
        assert.deepEqual(swap, { swapAvailableBytes: down(share), swapUsageBytes: 0 });
        const resize = { spec: { containers: [{ name: 'app', resources: { requests: { memory: String(limit) } } }] } };
        await cluster.kubectl('patch', 'pod', 'shares', '--subresource=resize', '--patch', JSON.stringify(resize));
        // Who may not outgrow what he asks for has none.
        await eventually('no swap', async () => (await swapOf('shares')) === 0);
      } finally {
        if (added) await demandCommand('take swap away', 'swapoff', [file]);
        await cluster.kubectl('delete', 'pod', '--all', '--now');
        await reconfigure(cluster, name, { memorySwap: {} });
      }
    });

    test('MemoryQoS keeps what was asked for, and slows down before the limit (needs cgroup v2)', async function () {
      if (!v2) return this.skip();
      await reconfigure(cluster, name, { memoryQoS: true });
      await run('kept', burstable);
      await phase('kept', 'Running');
      assert.equal(Number(await cgroupFile('kept', 'memory', 'memory.min')), request);
      assert.equal(Number(await cgroupFile('kept', 'memory', '../memory.min')), request);
      assert.equal(Number(await cgroupFile('kept', 'memory', 'memory.high')), down(request + (limit - request) * 0.9));
      await run('equal', guaranteed);
      await phase('equal', 'Running');
      assert.equal((await cgroupFile('equal', 'memory', 'memory.high')).trim(), 'max');
      await cluster.kubectl('delete', 'pod', '--all', '--now');
    });
  });
});
