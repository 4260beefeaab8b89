/** Containers are given more or less while they run. */
import assert from 'node:assert/strict';
import { eventually } from '../harness/cluster.ts';
import { container, forever, makePlace } from './place.ts';
import type { Place } from './place.ts';

const limits = `
  cd /sys/fs/cgroup
  if test -d cpu; then cat cpu/cpu.cfs_quota_us memory/memory.limit_in_bytes
  else cut -d " " -f 1 cpu.max; cat memory.max; fi`;

suite('resizing pods', function () {
  this.timeout(90_000);
  let place: Place;
  suiteSetup(async () => {
    place = await makePlace('resize');
  });
  suiteTeardown(() => place.remove());

  const amounts = (cpu: string, memory: string) => ({
    requests: { cpu: '50m', memory: '16Mi' },
    limits: { cpu, memory },
  });
  const patch = (name: string, spec: object) =>
    place.kubectl('patch', 'pod', name, '--subresource=resize', '--patch', JSON.stringify({ spec }));
  const resize = (name: string, resources: object) => patch(name, { containers: [{ name: 'app', resources }] });
  const has = (name: string, cpuQuota: number, memoryBytes: number, within = 'app') =>
    eventually(
      `${within} of ${name} is held to ${cpuQuota} and ${memoryBytes}`,
      async () => (await place.exec(name, limits, within)) === `${cpuQuota}\n${memoryBytes}\n`,
    );
  const settled = (name: string, cpu: string) =>
    eventually(`${name} is told to have ${cpu}`, async () => {
      const { status } = await place.pod(name);
      const [app] = status?.containerStatuses ?? [];
      return status?.resize === undefined && app?.resources?.limits?.['cpu'] === cpu && app;
    });

  test('the kernel takes other limits while the container runs on', async () => {
    await place.run('grows', { containers: [container(forever, { resources: amounts('200m', '32Mi') })] });
    await place.ready('grows');
    const before = await place.status('grows');
    await resize('grows', { limits: { cpu: '400m', memory: '64Mi' } });
    await has('grows', 40_000, 64 * 2 ** 20);
    await resize('grows', { requests: { cpu: '60m' }, limits: { cpu: '300m', memory: '48Mi' } });
    await has('grows', 30_000, 48 * 2 ** 20);
    const after = await settled('grows', '300m');
    assert.deepEqual([after?.containerID, after?.restartCount], [before?.containerID, 0]);
    assert.deepEqual(after?.allocatedResources, { cpu: '60m', memory: '16Mi' });
  });

  test('a container starts anew for a change if it wants that', async () => {
    const resizePolicy = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }];
    await place.run('anew', {
      containers: [container(forever, { resources: amounts('200m', '32Mi'), resizePolicy })],
    });
    await place.ready('anew');
    await resize('anew', { limits: { cpu: '100m', memory: '64Mi' } });
    await eventually('a second run', async () => (await place.status('anew'))?.restartCount === 1);
    await has('anew', 10_000, 64 * 2 ** 20);
    assert.ok((await place.events('anew')).includes('Killing: Container app resize requires restart'));
  });

  test('sidecars are resized as main containers are, running on or anew as they want it', async () => {
    const side = container(forever, {
      name: 'side',
      restartPolicy: 'Always',
      resources: amounts('200m', '32Mi'),
      resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }],
    });
    const sides = async () => (await place.pod('accompanied')).status?.initContainerStatuses?.[0];
    const resizeSide = (resources: object) => patch('accompanied', { initContainers: [{ name: 'side', resources }] });
    const main = container(forever, { resources: amounts('200m', '32Mi') });
    await place.run('accompanied', { initContainers: [side], containers: [main] });
    await place.ready('accompanied');
    const before = await sides();
    await resizeSide({ requests: { cpu: '60m' }, limits: { cpu: '400m' } });
    await has('accompanied', 40_000, 32 * 2 ** 20, 'side');
    await eventually('the sidecar is told to have more', async () => {
      const { status } = await place.pod('accompanied');
      return status?.resize === undefined && (await sides())?.resources?.limits?.['cpu'] === '400m';
    });
    const after = await sides();
    assert.deepEqual([after?.containerID, after?.restartCount], [before?.containerID, 0]);
    assert.deepEqual(after?.allocatedResources, { cpu: '60m', memory: '16Mi' });
    await resizeSide({ limits: { memory: '64Mi' } });
    await eventually('a second run', async () => (await sides())?.restartCount === 1);
    await has('accompanied', 40_000, 64 * 2 ** 20, 'side');
    await has('accompanied', 20_000, 32 * 2 ** 20);
    assert.equal((await place.status('accompanied'))?.restartCount, 0);
    assert.ok((await place.events('accompanied')).includes('Killing: Container side resize requires restart'));
  });

  test('what the node never has is told, and what there was stays', async () => {
    await place.run('greedy', { containers: [container(forever, { resources: amounts('200m', '32Mi') })] });
    await place.ready('greedy');
    await resize('greedy', { requests: { cpu: '1000' }, limits: { cpu: '1000', memory: '64Mi' } });
    await eventually('infeasible', async () => (await place.pod('greedy')).status?.resize === 'Infeasible');
    await has('greedy', 20_000, 32 * 2 ** 20);
    await resize('greedy', { requests: { cpu: '50m' }, limits: { cpu: '250m', memory: '64Mi' } });
    await has('greedy', 25_000, 64 * 2 ** 20);
    assert.equal((await settled('greedy', '250m'))?.restartCount, 0);
  });
});
