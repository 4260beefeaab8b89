import assert from 'node:assert/strict';
import { chownSync, lstatSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Mount, ObservedContainer, ObservedPod, SandboxSpec } from '../types.ts';
import { containerSpec, eventually, makeBench, podSpec } from './bench.fixture.ts';
import type { Bench, ContainerWishes } from './bench.fixture.ts';
import { probeFeatures } from './features.ts';

const forever = 'trap "exit 0" TERM; while :; do sleep 0.1; done';

suite('oci runtime: pods with users of their own (needs user namespaces and mapped mounts)', function () {
  this.timeout(60_000);
  let bench: Bench;

  suiteSetup(async function () {
    bench = await makeBench();
    const { noUserNamespaces } = await probeFeatures(path.join(bench.folder, 'state'), path.join(bench.folder, 'run'));
    if (noUserNamespaces !== undefined) this.skip();
    await bench.call('prepareNode');
  });
  suiteTeardown(() => bench.close());
  teardown(async () => {
    assert.deepEqual(await bench.leftovers(), []);
    const { uid, gid, mode } = statSync('/dev/null');
    assert.deepEqual([uid, gid, mode & 0o777], [0, 0, 0o666]);
  });

  const prepare = async (more: Partial<SandboxSpec> = {}) => {
    const pod = podSpec({ hostUsers: false, ...more });
    const observed = await bench.call<ObservedPod>('preparePod', pod);
    return { pod, observed, first: observed.userIds!.first };
  };
  const start = (pod: SandboxSpec, script: string, more: ContainerWishes = {}) =>
    bench.call<ObservedContainer>('startContainer', containerSpec(bench, pod, script, more));
  const find = async (id: string) =>
    (await bench.call<ObservedPod[]>('list')).flatMap(({ containers }) => containers).find((item) => item.id === id)!;
  /** What a script wrote that went well, with single blanks. */
  const exec = async (id: string, script: string) => {
    const { exitCode, output } = await bench.call<{ exitCode: number; output: string }>(
      'execSync',
      id,
      ['sh', '-c', script],
      5000,
    );
    assert.equal(exitCode, 0, output);
    return output.trim().split(/\s+/).join(' ');
  };
  const run = async (pod: SandboxSpec, script: string, more: ContainerWishes = {}) => {
    const { id, logPath } = await start(pod, script, more);
    const end = await eventually('exit', async () => {
      const found = await find(id);
      return found.state === 'exited' && found;
    });
    return { ...end, lines: linesOf(logPath) };
  };
  const mount = (source: string, target: string, more: Partial<Mount> = {}): Mount => ({
    source,
    target,
    readOnly: false,
    propagation: 'private',
    ...more,
  });
  /** Numbers of user and group of a file on the node. */
  const ownerOf = (file: string) => {
    const { uid, gid } = lstatSync(file);
    return [uid, gid];
  };
  const folderOf = (name: string) => {
    const folder = path.join(bench.folder, 'volumes', name);
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    return folder;
  };

  test('root inside is somebody else on the node, with rights over what is the pod’s alone', async () => {
    const { pod, first } = await prepare();
    const { id, pid } = await start(pod, forever);
    assert.equal(await exec(id, 'cat /proc/self/uid_map'), `0 ${first} 65536`);
    assert.equal(await exec(id, 'cat /proc/self/gid_map'), `0 ${first} 65536`);
    assert.equal(await exec(id, 'id -u; id -g; grep CapEff /proc/self/status'), '0 0 CapEff: 00000000a80425fb');
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    assert.match(status, new RegExp(`^Uid:\\t${first}\\t${first}\\t${first}\\t${first}$`, 'm'));
    assert.match(status, new RegExp(`^Gid:\\t${first}\\t`, 'm'));
    // What it has of capabilities it has over its own: the node's settings are not among that.
    assert.equal(await exec(id, 'echo 1 2>/dev/null >/proc/sys/kernel/panic || echo refused'), 'refused');
  });

  test('no two pods have an id in common, and a pod keeps its own', async () => {
    const one = await prepare();
    const two = await prepare();
    assert.ok(one.first >= 65_536 && two.first >= 65_536 && Math.abs(one.first - two.first) >= 65_536);
    await start(one.pod, forever);
    await bench.killDriver();
    const found = await bench.call<ObservedPod[]>('list');
    assert.deepEqual(
      new Set(found.map(({ uid, ready, userIds }) => JSON.stringify([uid, ready, userIds]))),
      new Set([one, two].map(({ pod, observed }) => JSON.stringify([pod.uid, true, observed.userIds]))),
    );
    const three = await prepare();
    assert.ok(![one.first, two.first].includes(three.first));
    // A sandbox that broke is made anew for the same users: what its containers wrote is theirs.
    bench.inNode(`umount ${bench.folder}/run/pods/${one.pod.uid}/user`);
    assert.equal((await bench.call<ObservedPod[]>('list')).find(({ uid }) => uid === one.pod.uid)!.ready, false);
    assert.deepEqual((await bench.call<ObservedPod>('preparePod', one.pod)).userIds, one.observed.userIds);
  });

  test("the image's files, the pod's files and new ones belong to root as it is inside", async () => {
    const { pod, first } = await prepare();
    const { id } = await start(pod, forever);
    const own =
      '/bin/busybox /etc/passwd /etc/hosts /etc/hostname /etc/resolv.conf /dev/shm /dev/termination-log /dev/pts / /root';
    assert.deepEqual(new Set((await exec(id, `stat -c %u:%g ${own}`)).split(' ')), new Set(['0:0']));
    await exec(
      id,
      'touch /new /dev/shm/new; mkdir /made; chown 1000:2000 /made; echo x >>/etc/passwd; echo y >>/etc/hosts',
    );
    assert.equal(await exec(id, 'stat -c %u:%g /new /made /etc/passwd'), '0:0 1000:2000 0:0');
    const upper = `${bench.folder}/state/pods/${pod.uid}/containers/${id}/layer/upper`;
    assert.deepEqual(ownerOf(`${upper}/new`), [first, first]);
    assert.deepEqual(ownerOf(`${upper}/made`), [first + 1000, first + 2000]);
    assert.deepEqual(ownerOf(path.join(bench.folder, 'layer/etc/passwd')), [0, 0]);
  });

  test('volumes show owners as the pod knows them, and keep them on the node', async () => {
    const { pod } = await prepare();
    const [folder, memory] = [folderOf('disk'), folderOf('memory')];
    bench.inNode(`mount -t tmpfs memory ${memory}`);
    writeFileSync(`${folder}/old`, 'old');
    chownSync(`${folder}/old`, 1000, 70_000);
    const mounts = [mount(folder, '/data'), mount(memory, '/memory'), mount(folder, '/ro', { readOnly: true })];
    mounts.push(mount(`${folder}/old`, '/file'));
    const { id } = await start(pod, forever, { mounts });
    assert.equal(await exec(id, 'stat -c %u:%g /data /memory /file /data/old'), '0:0 0:0 1000:65534 1000:65534');
    await exec(id, 'touch /data/new /memory/new; chown 5:6 /data/new; touch /ro/x 2>/dev/null && exit 1 || :');
    assert.deepEqual(ownerOf(`${folder}/new`), [5, 6]);
    assert.equal(bench.inNode(`stat -c %u:%g ${memory}/new`).trim(), '0:0');
    await bench.call('removePod', pod.uid);
    bench.inNode(`umount ${memory}`);
  });

  test('volumes show what is mounted below them, and mounts that come later where they follow', async () => {
    const { pod } = await prepare();
    const folder = folderOf('deep');
    bench.inNode(`mkdir -p "${folder}/a b/c" && mount -t tmpfs one "${folder}/a b" && mkdir "${folder}/a b/c"`);
    bench.inNode(`mount -t tmpfs two "${folder}/a b/c" && touch "${folder}/a b/c/deep"; mkdir ${folder}/later`);
    const follows = { propagation: 'rslave' as const };
    const { id } = await start(pod, forever, { mounts: [mount(folder, '/data', follows)] });
    assert.equal(await exec(id, 'stat -c %u "/data/a b" "/data/a b/c/deep"'), '0 0');
    bench.inNode(`mount -t tmpfs three ${folder}/later && touch ${folder}/later/file`);
    assert.equal(await exec(id, 'ls /data/later'), 'file');
    await bench.call('removePod', pod.uid);
    bench.inNode(`umount ${folder}/later "${folder}/a b/c" "${folder}/a b"`);
  });

  test('a volume whose file system cannot show other owners is refused by name', async () => {
    const { pod } = await prepare();
    await assert.rejects(
      () => start(pod, forever, { mounts: [mount('/proc/sys', '/data')] }),
      (error: Error & { reason?: string }) => {
        assert.match(error.message, /file system of "\/proc\/sys" cannot show other owners/);
        return error.reason === 'CreateContainerError' || error.reason === 'RunContainerError';
      },
    );
  });

  test('block devices of volumes are the pod’s to use', async () => {
    const { pod } = await prepare();
    const file = path.join(folderOf('blocks'), 'disk');
    const device = bench.inNode(`truncate --size=1M ${file} && losetup --show --find ${file}`).trim();
    try {
      const mounts = [
        mount(device, '/dev/xvda', { device: true }),
        mount(device, '/dev/xvdb', { device: true, readOnly: true }),
      ];
      const { id } = await start(pod, forever, { mounts });
      assert.equal(await exec(id, 'printf here >/dev/xvda; head -c 4 /dev/xvdb; test -b /dev/xvda'), 'here');
      await bench.call('removePod', pod.uid);
    } finally {
      bench.inNode(`losetup --detach ${device}`);
    }
    assert.equal(readFileSync(file, 'utf8').slice(0, 4), 'here');
  });

  test('users, groups, streams and last words are as in any pod', async () => {
    const { pod } = await prepare();
    const look =
      'id -u; id -G; echo to-errors >/dev/stderr; echo to-output >/dev/stdout; cat; printf bye >/dev/termination-log';
    const end = await run(pod, look, { user: 'app', supplementalGroups: [3000] });
    assert.deepEqual(end.lines.sort(), ['1000', '1000 2000 3000', 'to-errors', 'to-output']);
    assert.deepEqual([end.exitCode, end.message], [0, 'bye']);
    await assert.rejects(() => start(pod, forever, { name: 'b', user: '65536' }), /user or group 65536 is beyond/);
    await assert.rejects(() => start(pod, forever, { name: 'c', supplementalGroups: [70_000] }), /70000 is beyond/);
  });

  test('programs may change their user, unless they must not gain anything', async () => {
    const { pod } = await prepare();
    const make = `cp /bin/busybox /su && chmod 4755 /su && printf 'root::0:0::/root:/bin/sh\\napp:x:1000:1000::/:/bin/sh\\n' >/etc/passwd`;
    const climb = `busybox su app -c "id -u; /su -c 'id -u'"`;
    const able = await run(pod, `${make}; ${climb}`, { name: 'able' });
    assert.deepEqual(able.lines.slice(0, 2), ['1000', '0']);
    const held = await run(pod, `${make}; ${climb} 2>&1 | tail -n 1`, {
      name: 'held',
      security: { allowPrivilegeEscalation: false },
    });
    assert.doesNotMatch(held.lines.join(' '), /^0$/);
  });

  test('capabilities, filters, masks and privileges are within the pod’s own walls', async () => {
    const { pod } = await prepare();
    const mighty = { capabilitiesAdd: ['SYS_ADMIN', 'NET_ADMIN'], seccomp: 'Unconfined' };
    const admin = await start(pod, forever, { name: 'admin', security: mighty });
    assert.equal(await exec(admin.id, 'mount -t tmpfs none /tmp && hostname other && hostname'), 'other');
    assert.equal(await exec(admin.id, 'unshare -U true && echo allowed'), 'allowed');
    const filtered = await start(pod, forever, { name: 'filtered' });
    assert.equal(await exec(filtered.id, 'unshare -U true 2>/dev/null || echo refused'), 'refused');
    assert.equal(
      await exec(
        filtered.id,
        'head -c 1 /proc/interrupts 2>/dev/null | wc -c; mount | grep -q "on /proc/" && echo many',
      ),
      '0 many',
    );
    const open = await start(pod, forever, { name: 'open', security: { procMount: 'Unmasked' } });
    assert.equal(await exec(open.id, 'head -c 1 /proc/interrupts | wc -c; mount | grep -c "on /proc/" || :'), '1 0');
    // Root of the pod is a stranger to the node's settings, seen or not.
    assert.equal(await exec(open.id, 'echo 1 2>/dev/null >/proc/sys/vm/drop_caches || echo refused'), 'refused');
    const privileged = await start(pod, forever, {
      name: 'privileged',
      security: { privileged: true, seccomp: 'Unconfined' },
    });
    assert.equal(await exec(privileged.id, 'mount -t tmpfs none /tmp && head -c 1 /dev/zero | wc -c'), '1');
    assert.equal(await exec(privileged.id, 'mknod /node b 7 0 2>/dev/null || echo refused'), 'refused');
    const limits =
      '/sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/devices/devices.allow /sys/fs/cgroup/memory.max';
    const writes = `for file in /proc/sys/kernel/core_pattern /proc/sys/vm/swappiness /sys/power/state ${limits}; do test ! -e $file || ! ( : >>$file ) 2>/dev/null || echo open: $file; done`;
    assert.equal(await exec(privileged.id, writes), '');
  });

  test('a privileged container has no devices but those that anybody on the node may use, not even through a volume', async () => {
    const { pod } = await prepare();
    const folder = folderOf('nodes');
    bench.inNode(`mknod --mode=600 ${folder}/disk b 7 0; mknod --mode=600 ${folder}/log c 1 11`);
    const { id } = await start(pod, forever, {
      security: { privileged: true, seccomp: 'Unconfined' },
      mounts: [mount(folder, '/nodes')],
    });
    const open = await exec(
      id,
      'for file in $(find /dev -type b -o -type c); do stat -c "%a %n" $file; done | grep -v "^666 "; :',
    );
    assert.deepEqual(open.replaceAll(/\d+ \/dev\/(pts\/\S+|console)/g, '').trim(), '');
    const read =
      'chmod 666 /nodes/* && for file in disk log; do head -c 1 /nodes/$file 2>/dev/null || echo refused; done';
    assert.equal(await exec(id, read), 'refused refused');
    await bench.call('removePod', pod.uid);
    rmSync(folder, { recursive: true });
  });

  test('settings, name and network are the pod’s own', async () => {
    const { pod, observed } = await prepare({
      hostname: 'db-0',
      sysctls: { 'net.core.somaxconn': '77', 'kernel.shm_rmid_forced': '1', 'net.ipv4.ping_group_range': '10 20' },
    });
    const { id } = await start(pod, 'trap "exit 0" TERM; while :; do echo welcome | nc -l -p 80; done', {
      user: 'app',
    });
    const settings =
      '/proc/sys/net/core/somaxconn /proc/sys/kernel/shm_rmid_forced /proc/sys/net/ipv4/ping_group_range';
    assert.equal(await exec(id, `hostname; cat ${settings}`), 'db-0 77 1 10 20');
    const plain = await prepare();
    const other = await start(plain.pod, forever);
    assert.equal(await exec(other.id, 'cat /proc/sys/net/ipv4/ping_group_range'), '0 65535');
    assert.match(await exec(other.id, `ping -c 1 -W 2 ${observed.ips[0]}`), /1 packets received/);
    assert.equal(await bench.call<string>('port', pod.uid, 80, ''), 'welcome\n');
  });

  test('a shared process namespace is of the pod’s users too', async () => {
    const { pod, first } = await prepare({ shareProcessNamespace: true });
    await start(pod, 'exec sleep 4321', { name: 'one' });
    const { id } = await start(pod, forever, { name: 'two' });
    assert.match(await exec(id, 'ps -o pid,args'), /1 \/bin\/busybox sh.* sleep 4321/);
    assert.equal(await exec(id, 'stat -c %u /proc/1'), '65535');
    const holder = bench.inNode(`cat ${bench.folder}/run/pods/${pod.uid}/pause/pid`).trim();
    assert.deepEqual(ownerOf(`/proc/${holder}`), [first + 65_535, first + 65_535]);
  });

  test('terminals, input and attaching work as in any pod', async () => {
    const { pod } = await prepare();
    const { id } = await start(pod, 'stty size; while read line; do echo "[$line]"; done', { tty: true, stdin: true });
    await bench.call('open', 'a', 'attach', id, [], true);
    await bench.call('write', 'a', 'hello\n');
    await eventually('echo', async () => (await bench.call<string>('output', 'a')).includes('[hello]'));
    await bench.call(
      'open',
      'e',
      'exec',
      id,
      ['sh', '-c', 'test -t 0 && stat -c %u $(readlink /proc/self/fd/0); read x; echo got $x'],
      true,
    );
    await bench.call('write', 'e', 'it\n');
    assert.equal(await bench.call('ended', 'e'), 0);
    assert.match(await bench.call<string>('output', 'e'), /^0\r\n.*got it/ms);
    const piped = await start(pod, 'cat', { name: 'piped', stdin: true, stdinOnce: true });
    await bench.call('open', 'p', 'attach', piped.id, [], false);
    await bench.call('write', 'p', 'through\n');
    await bench.call('closeStdin', 'p');
    assert.equal(await bench.call('ended', 'p'), 0);
    assert.equal(await bench.call<string>('output', 'p'), 'through\n');
  });

  test('limits hold, and the writable layer may be bounded', async () => {
    const { pod } = await prepare();
    const { id, logPath } = await start(pod, 'dd if=/dev/zero of=/x bs=1M count=20; sleep 100', {
      ephemeralStorageBytes: 10 * 1024 * 1024,
      resources: { pidsLimit: 20 },
    });
    await eventually('the refusal', () => readFileSync(logPath, 'utf8').includes('No space left on device'));
    assert.equal(await exec(id, 'stat -c %u /x'), '0');
    const { containers } = (await bench.call<ObservedPod[]>('list'))[0]!;
    assert.equal(containers[0]!.state, 'running');
  });

  test('a pod is refused users of its own that the machine, or the node’s range of ids, does not have', async () => {
    const other = async (more: Parameters<typeof makeBench>[0], look: (bench: Bench) => Promise<void>) => {
      const apart = await makeBench(more);
      try {
        await look(apart);
        assert.deepEqual(await apart.leftovers(), []);
      } finally {
        await apart.close();
      }
    };
    const features = { noUserNamespaces: 'they are switched off', recursiveReadOnly: true };
    await other({ features }, async (unable) => {
      await assert.rejects(
        () => unable.call('preparePod', podSpec({ hostUsers: false })),
        /^Error: can't set `spec.hostUsers: false`, runtime does not support user namespaces: they are switched off$/,
      );
    });
    await other({ userIds: { first: 9 * 65_536, ranges: 1 } }, async (small) => {
      const pod = podSpec({ hostUsers: false });
      const { userIds } = await small.call<ObservedPod>('preparePod', pod);
      assert.deepEqual(userIds, { first: 9 * 65_536, count: 65_536 });
      const next = podSpec({ hostUsers: false });
      await assert.rejects(
        () => small.call('preparePod', next),
        /could not find an empty slot to allocate a user namespace/,
      );
      await small.call('removePod', pod.uid);
      assert.deepEqual((await small.call<ObservedPod>('preparePod', next)).userIds, userIds);
    });
  });

  test('mounts go both ways where they should', async () => {
    const { pod } = await prepare();
    const folder = folderOf('shared');
    bench.inNode(`mkdir ${folder}/in ${folder}/out`);
    const { id } = await start(pod, forever, {
      security: { privileged: true, seccomp: 'Unconfined' },
      mounts: [mount(folder, '/data', { propagation: 'rshared' })],
    });
    bench.inNode(`mount -t tmpfs in ${folder}/in && touch ${folder}/in/file`);
    assert.equal(
      await exec(id, 'ls /data/in && mount -t tmpfs out /data/out && touch /data/out/file && ls /data/out'),
      'file file',
    );
    assert.equal(bench.inNode(`ls ${folder}/out`), 'file\n');
    await bench.call('removePod', pod.uid);
    bench.inNode(`umount ${folder}/in ${folder}/out`);
  });

  test('a runtime killed at any moment leaves nothing that cannot be adopted or removed', async () => {
    for (const delayMs of [2, 15, 30, 45, 60, 90]) {
      const pod = podSpec({ hostUsers: false });
      await bench.call('list');
      const doing = bench.call('preparePod', pod).then(() => start(pod, forever));
      await Promise.race([doing, new Promise((resolve) => setTimeout(resolve, delayMs))]);
      await bench.killDriver();
      for (const left of await bench.call<ObservedPod[]>('list'))
        for (const container of left.containers) assert.equal(container.state, 'running');
      const sandbox = await bench.call<ObservedPod>('preparePod', pod);
      assert.equal(sandbox.ready, true);
      const container = await start(pod, forever);
      assert.equal(await exec(container.id, 'cat /proc/self/uid_map'), `0 ${sandbox.userIds!.first} 65536`);
      assert.deepEqual(await bench.leftovers(), []);
    }
  });
});

function linesOf(logPath: string): string[] {
  return readFileSync(logPath, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' ').slice(3).join(' '));
}
