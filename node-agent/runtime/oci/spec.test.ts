import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { containerSpec, podSpec } from './bench.fixture.ts';
import type { ContainerWishes } from './bench.fixture.ts';
import { grantCapabilities } from './capabilities.ts';
import { defaultSeccomp } from './seccomp-default.ts';
import { openToAll } from './devices.ts';
import { renderPause } from './pause.ts';
import { renderSpec } from './spec.ts';
import type { SpecInputs } from './spec.ts';
import type { Mount } from '../types.ts';

suite('OCI specification', () => {
  test('renderSpec() renders an ordinary container', () => {
    expectGolden('ordinary.json', render({ resources: { cpuShares: 102, memoryLimitBytes: 67108864 } }));
  });

  test('renderSpec() renders a restricted container', () => {
    const rendered = render({
      user: 'app',
      tty: true,
      security: {
        allowPrivilegeEscalation: false,
        capabilitiesDrop: ['ALL'],
        readOnlyRootFilesystem: true,
      },
      mounts: [
        { source: '/node/b', target: '/data/sub', readOnly: true, recursive: true, propagation: 'private' },
        { source: '/node/a', target: '/data', readOnly: false, propagation: 'rslave' },
        { source: '/node/hosts', target: '/etc/hosts', readOnly: true, propagation: 'private' },
      ],
    });
    expectGolden('restricted.json', rendered);
  });

  test("renderSpec() renders a privileged container on the node's namespaces", () => {
    const rendered = render(
      { security: { privileged: true, seccomp: 'Unconfined' } },
      { pod: podOf({ hostNetwork: true, hostPid: true, hostIpc: true }) },
    );
    expectGolden('privileged.json', rendered);
  });

  test('renderSpec() renders a container of a pod with users of its own', () => {
    const rendered = render(
      {
        user: 'app',
        mounts: [
          { source: '/node/a', target: '/data/', readOnly: true, recursive: true, propagation: 'rslave' },
          { source: '/dev/loop7', target: '/dev/xvda', readOnly: true, device: true, propagation: 'private' },
        ],
      },
      {
        rootfs: 'rootfs',
        userIds: { first: 131_072, count: 65_536 },
        submounts: [
          { source: '/node/a', below: 'sub', type: 'ext4' },
          { source: '/node/a', below: 'sub/proc', type: 'proc' },
        ],
        nodes: [{ source: '/state/device-0', target: '/dev/xvda', readOnly: true, propagation: 'private' }],
        givenDevices: [
          {
            device: { path: '/dev/xvda', type: 'b', major: 7, minor: 7, fileMode: 0o660, uid: 0, gid: 6 },
            access: 'r',
          },
        ],
      },
    );
    expectGolden('own-users.json', rendered);
  });

  test('renderSpec() renders what the Container Device Interface wants', () => {
    const bind = (target: string, options: string[], type = 'bind'): Mount => {
      return { source: '/lib', target, readOnly: false, propagation: 'private', as: { type, options } };
    };
    const node = { path: '/dev/a', type: 'c' as const, major: 1, minor: 3, fileMode: 0o640, uid: 7, gid: 8 };
    const wishes: ContainerWishes = {
      mounts: [
        bind('/opt/lib', ['ro', 'nosuid', 'bind']),
        bind('/opt', ['size=1m'], 'tmpfs'),
        bind('/dev/shm', ['rbind']),
      ],
      hooks: { createContainer: [{ path: '/bin/hook', args: ['hook', 'link'], timeout: 5 }] },
    };
    const givenDevices = [
      { device: node, access: 'r', asTold: true },
      { device: { ...node, path: '/dev/b' }, access: '', asTold: true },
      { device: { ...node, path: '/dev/p', type: 'p' as const }, access: 'rwm', asTold: true },
    ];
    const { mounts, hooks, linux } = render(wishes, { givenDevices });
    assert.deepEqual(hooks, wishes.hooks);
    assert.deepEqual(
      mounts
        .filter(({ source }) => source === '/lib')
        .map(({ destination, type, options }) => [destination, type, ...options]),
      [
        ['/opt', 'tmpfs', 'size=1m'],
        ['/opt/lib', 'bind', 'ro', 'nosuid', 'bind'],
        ['/dev/shm', 'bind', 'rbind'],
      ],
    );
    assert.equal(mounts.filter(({ destination }) => destination === '/dev/shm').length, 1);
    assert.deepEqual(
      linux.devices?.map(({ path: name }) => name),
      ['/dev/a', '/dev/b', '/dev/p'],
    );
    assert.deepEqual(linux.resources.devices.slice(1), [{ allow: true, access: 'r', type: 'c', major: 1, minor: 3 }]);
    const own = render(wishes, { userIds: { first: 131_072, count: 65_536 } }).mounts;
    const mapped = own
      .filter(({ options }) => options.some((option) => option.startsWith('idmap=')))
      .map(({ destination }) => destination);
    assert.deepEqual(mapped, ['/opt/lib', '/dev/shm']);
  });

  test('renderSpec() gives a privileged container of such a pod no devices beyond those it shows', () => {
    const zero = { path: '/dev/zero', type: 'c' as const, major: 1, minor: 5, fileMode: 0o666, uid: 0, gid: 0 };
    const disk = { ...zero, path: '/dev/vda', type: 'b' as const, major: 254, minor: 0, fileMode: 0o660 };
    const readable = { ...zero, path: '/dev/kmsg', minor: 11, fileMode: 0o644 };
    const hostDevices = openToAll([zero, disk, readable]);
    assert.deepEqual(hostDevices, [zero]);
    const wishes = { security: { privileged: true } };
    const { devices, resources } = render(wishes, { hostDevices, userIds: { first: 131_072, count: 65_536 } }).linux;
    assert.deepEqual(devices, [zero]);
    assert.deepEqual(resources.devices, [
      { allow: false, access: 'rwm' },
      { allow: true, access: 'rwm', type: 'c', major: 1, minor: 5 },
    ]);
  });

  test('renderPause() renders the holder of the processes of a pod with users of its own', () => {
    const pod = podOf({ hostUsers: false, shareProcessNamespace: true });
    const rendered = renderPause(pod, '/run/a0', '/wherry/poda0/pause', 0, { first: 131_072, count: 65_536 });
    expectGolden('own-users-holder.json', rendered);
  });

  test('renderSpec() mounts images so that nothing is executed, and with their own owners', () => {
    const image = { source: '/images/a', target: '/a', readOnly: true, image: true, propagation: 'private' as const };
    for (const more of [{}, { userIds: { first: 131_072, count: 65_536 } }]) {
      const found = render({ mounts: [image] }, more).mounts.find(({ destination }) => destination === '/a');
      assert.deepEqual(found?.options, ['rbind', 'rprivate', 'ro', 'nosuid', 'nodev', 'noexec']);
    }
  });

  test('renderSpec() shows the block devices of volumes, and lets the container use no others', () => {
    const device = { path: '/dev/xvda', type: 'b' as const, major: 7, minor: 1, fileMode: 0o660, uid: 0, gid: 6 };
    const mounts = [
      { source: '/node/b', target: '/dev/xvda', readOnly: true, device: true, propagation: 'private' as const },
    ];
    const rendered = render({ mounts }, { givenDevices: [{ device, access: 'r' }] });
    assert.deepEqual(rendered.linux.devices, [device]);
    assert.deepEqual(rendered.linux.resources.devices, [
      { allow: false, access: 'rwm' },
      { allow: true, access: 'r', type: 'b', major: 7, minor: 1 },
    ]);
    assert.ok(!rendered.mounts.some(({ destination }) => destination === '/dev/xvda'));
  });

  test('renderSpec() lets a container use what it is given of the devices, as far as it is given', () => {
    const device = { path: '/dev/fake', type: 'c' as const, major: 1, minor: 3, fileMode: 0o666, uid: 0, gid: 0 };
    const privileged = { security: { privileged: true }, annotations: { 'example.com/slot': '1' } };
    const rendered = render(privileged, {
      givenDevices: [{ device, access: 'rw' }],
      hostDevices: [{ ...device, minor: 5 }],
    });
    assert.deepEqual(rendered.linux.devices, [device]);
    assert.deepEqual(rendered.linux.resources.devices[1], { allow: true, access: 'rw', type: 'c', major: 1, minor: 3 });
    assert.deepEqual(rendered.annotations, { 'example.com/slot': '1' });
  });

  test('renderSpec() gives each container of cgroup v2 a cgroup namespace', () => {
    const host = { cgroup: 'v2' as const, swapAccounting: false, leastOomScoreAdj: 500 };
    const { linux, process } = render({ oomScoreAdj: -997, resources: { memoryLimitBytes: 1 } }, { host });
    assert.ok(linux.namespaces.some(({ type }) => type === 'cgroup'));
    assert.deepEqual(linux.resources.memory, { limit: 1 });
    assert.equal(process.oomScoreAdj, 500);
  });

  test('renderSpec() keeps containers from swapping, by the means of each version', () => {
    const of = (cgroup: 'v1' | 'v2', swapAccounting: boolean, resources = {}) => {
      const { memory, unified } = render({ resources }, { host: { cgroup, swapAccounting, leastOomScoreAdj: 0 } }).linux
        .resources;
      return { memory, unified };
    };
    const off = { 'memory.oom.group': '1', 'memory.swap.max': '0' };
    assert.deepEqual(of('v2', true), { memory: undefined, unified: off });
    assert.deepEqual(of('v2', true, { memoryLimitBytes: 7 }), { memory: { limit: 7 }, unified: off });
    assert.deepEqual(of('v2', false).unified, { 'memory.oom.group': '1' });
    assert.deepEqual(of('v1', true, { memoryLimitBytes: 7 }), { memory: { limit: 7, swap: 7 }, unified: undefined });
    const some = { memoryLimitBytes: 7, swapLimitBytes: 5 };
    assert.equal(of('v2', true, some).unified?.['memory.swap.max'], '5');
    assert.deepEqual(of('v1', true, some).memory, { limit: 7, swap: 12 });
    assert.deepEqual(of('v1', false, some).memory, { limit: 7 });
  });

  test('renderSpec() allows no huge pages but those asked for, where they can be limited', () => {
    const of = (hugePageBytes: number[], resources = {}) =>
      render({ resources }, { dialect: { version: 'v1', hugePageBytes, keepsMemory: false } }).linux.resources
        .hugepageLimits;
    assert.deepEqual(of([2 ** 21, 2 ** 30], { hugePages: { '2Mi': 2 ** 22 } }), [
      { pageSize: '2MB', limit: 2 ** 22 },
      { pageSize: '1GB', limit: 0 },
    ]);
    assert.equal(of([]), undefined);
  });

  test('renderSpec() shows honest files where no volume is in their way', () => {
    const of = (mounts: ContainerWishes['mounts'] = []) =>
      render({ mounts }, { honestFolder: '/run/honest' }).mounts.filter(({ source }) =>
        source.startsWith('/run/honest'),
      );
    assert.equal(of().length, 8);
    assert.deepEqual(
      of().find(({ destination }) => destination === '/proc/meminfo'),
      {
        destination: '/proc/meminfo',
        type: 'bind',
        source: '/run/honest/proc/meminfo',
        options: ['rbind', 'rprivate', 'ro'],
      },
    );
    const volume = (target: string) => ({
      source: '/node/v',
      target,
      readOnly: false,
      propagation: 'private' as const,
    });
    assert.equal(of([volume('/proc/meminfo')]).length, 7);
    assert.deepEqual(
      of([volume('/proc/')]).map(({ destination }) => destination),
      ['/sys/devices/system/cpu/online'],
    );
  });

  test('renderSpec() limits input and output', () => {
    const io = { devices: [{ device: '254:0', rbps: 1, wiops: 2 }], weight: 5000 };
    const v2 = { version: 'v2', hugePageBytes: [], keepsMemory: true, ioWeight: 'io.bfq.weight' } as const;
    const host = { cgroup: 'v2', swapAccounting: false, leastOomScoreAdj: 0 } as const;
    const resources = { memoryLowBytes: 8, memoryHighBytes: 9 };
    const { blockIO, unified } = render({ resources }, { io, dialect: v2, host }).linux.resources;
    assert.deepEqual(blockIO, {
      throttleReadBpsDevice: [{ major: 254, minor: 0, rate: 1 }],
      throttleWriteBpsDevice: [],
      throttleReadIOPSDevice: [],
      throttleWriteIOPSDevice: [{ major: 254, minor: 0, rate: 2 }],
    });
    assert.deepEqual(unified, {
      'memory.oom.group': '1',
      'memory.min': '8',
      'memory.high': '9',
      'io.bfq.weight': '1000',
    });
  });
});

const podOf = (more = {}) => podSpec({ uid: 'a0', ...more });

function render(wishes: ContainerWishes, more: Partial<SpecInputs> = {}) {
  const pod = more.pod ?? podOf();
  const container = containerSpec({ folder: '/bench' }, pod, 'true', wishes);
  const { privileged, capabilitiesAdd, capabilitiesDrop, seccomp } = container.security;
  const capabilities = grantCapabilities({ privileged, add: capabilitiesAdd, drop: capabilitiesDrop }, ofNode);
  return renderSpec({
    pod,
    container,
    user: { uid: 0, gid: 0, additionalGids: [0] },
    capabilities,
    // The list of system calls is judged in its own file; one line stands for it here.
    seccomp: seccomp === 'RuntimeDefault' ? { ...defaultSeccomp(capabilities, 'x64'), syscalls: [] } : undefined,
    seccompProgram: undefined,
    host: { cgroup: 'v1', swapAccounting: true, leastOomScoreAdj: 0 },
    dialect: { version: 'v1', hugePageBytes: [], keepsMemory: false },
    io: { devices: [] },
    hostDevices: privileged
      ? [{ path: '/dev/kmsg', type: 'c', major: 1, minor: 11, fileMode: 0o644, uid: 0, gid: 0 }]
      : [],
    givenDevices: [],
    cgroup: '/wherry/kubepods/besteffort/poda0/c0',
    rootfs: '/state/rootfs',
    paths: { pins: '/run/a0', shm: '/run/a0/shm', etc: '/run/a0/etc' },
    terminationFile: '/state/termination-log',
    ...more,
  });
}

/** What the node has, short of what would only lengthen the golden files. */
const ofNode =
  'CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_ADMIN NET_RAW SYS_CHROOT SYS_ADMIN MKNOD AUDIT_WRITE SETFCAP'
    .split(' ')
    .map((name) => `CAP_${name}`);

function expectGolden(name: string, rendered: object): void {
  const text = `${JSON.stringify(rendered, null, 2)}\n`;
  assert.equal(text, readFileSync(path.join(import.meta.dirname, 'golden', name), 'utf8'));
}
