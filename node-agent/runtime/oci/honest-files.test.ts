import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { ObservedContainer, ObservedPod, SandboxSpec } from '../types.ts';
import { containerSpec, eventually, makeBench, podSpec } from './bench.fixture.ts';
import type { Bench, ContainerWishes } from './bench.fixture.ts';
import { probeFeatures } from './features.ts';

const forever = 'trap "exit 0" TERM; while :; do sleep 0.1; done';
const resources = { cpuShares: 1024, cpuQuota: 100_000, cpuPeriod: 100_000, memoryLimitBytes: 64 * 2 ** 20 };

suite('honest files (needs lxcfs)', () => {
  let bench: Bench;
  suiteSetup(async function () {
    if (!existsSync('/usr/bin/lxcfs')) return this.skip();
    bench = await makeBench({ honestProc: true });
    await bench.call('prepareNode');
  });
  suiteTeardown(() => bench?.close());

  const start = async (more: ContainerWishes = {}, sandbox: Partial<SandboxSpec> = {}) => {
    const pod = podSpec(sandbox);
    await bench.call<ObservedPod>('preparePod', pod);
    return bench.call<ObservedContainer>('startContainer', containerSpec(bench, pod, forever, { resources, ...more }));
  };
  const exec = async (id: string, script: string) => {
    const { output } = await bench.call<{ output: string }>('execSync', id, ['sh', '-c', script], 5000);
    return output.trim();
  };
  const look = 'head -n 1 /proc/meminfo; grep -c ^processor /proc/cpuinfo; cat /sys/devices/system/cpu/online';
  const own = 'MemTotal:          65536 kB\n1\n0';
  const total = /^MemTotal:.*$/m.exec(readFileSync('/proc/meminfo', 'utf8'))![0];
  const server = () =>
    readdirSync('/proc').find((pid) => {
      try {
        return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`--pidfile=${bench.folder}/`);
      } catch {
        return false;
      }
    });
  const served = (id: string) => eventually('its own limits', async () => (await exec(id, look)) === own);

  test('a container sees its own limits, and how long it has run', async () => {
    const { id } = await start();
    assert.equal(await exec(id, look), own);
    assert.ok(Number((await exec(id, 'cat /proc/uptime')).split(' ')[0]) < 600);
    assert.equal(await exec(id, 'wc -l < /proc/swaps'), '1');
    assert.match(await exec(id, 'echo x >/proc/meminfo'), /Read-only|Permission denied|nonexistent/);
  });

  test('who sees all of the node sees the node’s limits', async () => {
    const privileged = await start({ security: { privileged: true } });
    assert.equal((await exec(privileged.id, look)).split('\n')[0], total);
    const host = await start({}, { hostPid: true });
    assert.equal((await exec(host.id, look)).split('\n')[0], total);
  });

  test('so do pods with users of their own (needs user namespaces and mapped mounts)', async function () {
    const { noUserNamespaces } = await probeFeatures(path.join(bench.folder, 'state'), path.join(bench.folder, 'run'));
    if (noUserNamespaces !== undefined) return this.skip();
    const { id } = await start({}, { hostUsers: false });
    assert.equal(await exec(id, look), own);
    const dead = server()!;
    process.kill(Number(dead), 'SIGKILL');
    await eventually('another one', () => ![undefined, dead].includes(server()));
    await served(id);
  });

  test('it outlives the agent, and another agent takes it over', async () => {
    const { id } = await start();
    const pid = server();
    await bench.killDriver();
    await bench.call('prepareNode');
    assert.equal(server(), pid);
    await served(id);
  });

  test('when it dies containers go on, with the kernel’s files and then with honest ones again', async () => {
    const { id } = await start();
    // Who shares processes sees what the pod may have.
    const shared = await start({}, { shareProcessNamespace: true, resources });
    const dead = server()!;
    process.kill(Number(dead), 'SIGKILL');
    await eventually('another one', () => {
      const pid = server();
      return pid !== undefined && pid !== dead;
    });
    await served(id);
    await eventually('its pod’s limit', async () =>
      (await exec(shared.id, look)).startsWith('MemTotal:          65536 kB'),
    );
    assert.doesNotMatch(await exec(id, 'grep lxcfs /proc/self/mountinfo'), /shared:|master:|\brw,nosuid/);
    assert.match(bench.inNode(`grep -c lxcfs /proc/self/mountinfo`), /^1$/m);
    const late = await start();
    await served(late.id);
  });

  test('when it died while the agent was away, the next agent mends that', async () => {
    const { id } = await start();
    await bench.killDriver();
    process.kill(Number(server()), 'SIGKILL');
    await bench.call('prepareNode');
    await served(id);
  });
});
