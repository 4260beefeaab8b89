/** What the node tells of containers' use is what the kernel counts. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { eventually } from '../harness/cluster.ts';
import { container, makePlace } from './place.ts';
import type { Place } from './place.ts';

const mebi = 2 ** 20;
const limitBytes = 32 * mebi;
const heldBytes = 12 * mebi;

interface Summary {
  pods: {
    podRef: { name: string; namespace: string };
    containers: {
      name: string;
      cpu: { usageCoreNanoSeconds: number; psi?: { some: { total: number } } };
      memory: { usageBytes: number; workingSetBytes: number; availableBytes?: number };
    }[];
  }[];
}

suite('what containers use', function () {
  this.timeout(90_000);
  let place: Place;
  let node = '';
  suiteSetup(async () => {
    place = await makePlace('usage');
    await place.run('busy', {
      containers: [
        container('dd if=/dev/zero of=/dev/shm/held bs=1M count=12; while :; do :; done', {
          resources: { requests: { cpu: '50m', memory: '16Mi' }, limits: { cpu: '50m', memory: '32Mi' } },
        }),
      ],
    });
    await place.ready('busy');
    node = (await place.pod('busy')).spec.nodeName ?? '';
    const held = 'test "$(stat -c %s /dev/shm/held)" = 12582912 && echo all';
    await eventually('it holds all', async () => (await place.exec('busy', held)) === 'all\n');
  });
  suiteTeardown(() => place.remove());

  const page = (path: string) => place.cluster.kubectl('get', '--raw', `/api/v1/nodes/${node}/proxy${path}`);
  const summarised = async () => {
    const { pods } = JSON.parse(await page('/stats/summary')) as Summary;
    const pod = pods.find(({ podRef }) => podRef.name === 'busy' && podRef.namespace === 'usage');
    return pod?.containers[0];
  };
  /** A metric of the container. */
  const metric = async (name: string) => {
    const line = new RegExp(`^${name}\\{container="app",[^}]*namespace="usage",pod="busy"\\} (\\S+)`, 'm');
    return Number(line.exec(await page('/metrics/cadvisor'))?.[1]);
  };

  test('/stats/summary counts its memory and its processor', async () => {
    const now = 'cd /sys/fs/cgroup; cat memory.current 2>/dev/null || cat memory/memory.usage_in_bytes';
    // The kernel counts in batches, and commands that look take some themselves.
    await eventually('both say the same', async () => {
      const [told, counted] = await Promise.all([summarised(), place.exec('busy', now)]);
      const { usageBytes = 0, workingSetBytes = 0, availableBytes = 0 } = told?.memory ?? {};
      assert.ok(workingSetBytes >= heldBytes && workingSetBytes <= usageBytes, JSON.stringify(told));
      assert.equal(availableBytes, limitBytes - workingSetBytes);
      return Math.abs(usageBytes - Number(counted)) < 4 * mebi;
    });
    const before = (await summarised())!.cpu.usageCoreNanoSeconds;
    assert.ok(before > 0);
    await eventually('it uses more', async () => (await summarised())!.cpu.usageCoreNanoSeconds > before);
  });

  test('/metrics/cadvisor tells its limit, and how often it was held up', async () => {
    assert.equal(await metric('container_spec_memory_limit_bytes'), limitBytes);
    assert.ok((await metric('container_processes')) >= 1);
    await eventually('it is held up', async () => (await metric('container_cpu_cfs_throttled_periods_total')) > 0);
    assert.ok((await metric('container_cpu_cfs_throttled_seconds_total')) > 0);
  });

  test('its waiting for the processor is told (needs cgroup v2 and a kernel that accounts pressure)', async function () {
    if (!existsSync('/sys/fs/cgroup/cgroup.controllers') || !existsSync('/proc/pressure/cpu')) return this.skip();
    await eventually('it waits', async () => (await metric('container_pressure_cpu_waiting_seconds_total')) > 0);
    const told = await summarised();
    assert.ok((told!.cpu.psi?.some.total ?? 0) > 0, JSON.stringify(told));
  });
});
