/** Walls of containers from inside: the same on every way into one, and what lies behind them. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { eventually, testImage } from '../harness/cluster.ts';
import { testSinceKubectl } from '../harness/kubectl.ts';
import { container, forever, makePlace } from './place.ts';
import type { Place } from './place.ts';

/** What a process may do and what it was given, as lines. The last descriptor is the folder that is being listed. */
const look = [
  'grep -E "^(Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp):" /proc/self/status | tr -s "\\t" " "',
  'umask',
  'cat /proc/self/oom_score_adj',
  'tail -n +2 /proc/self/limits | tr -s " "',
  'cat /proc/self/cgroup',
  'ls /proc/self/fd | tr "\\n" " "; echo',
  'for each in cgroup ipc mnt net pid user uts; do readlink /proc/self/ns/$each; done',
  'echo variables $(env | cut -d= -f1 | sort)',
].join('; ');
const into = (file: string) => `(${look}) > /out/.${file}; mv /out/.${file} /out/${file}`;
const lookInto = (file: string) => ({ exec: { command: ['sh', '-c', into(file)] } });
/** Once, with all the time that a slow machine wants. */
const probe = (file: string) => ({ ...lookInto(file), periodSeconds: 600, timeoutSeconds: 60 });
/** Streams of its own and that folder: nothing that somebody else has opened. */
const ownDescriptors = '0 1 2 3 ';
const isUnified = existsSync('/sys/fs/cgroup/cgroup.controllers');

const masked =
  '/proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats /proc/sched_debug /proc/scsi /proc/timer_list /proc/timer_stats /sys/devices/virtual/powercap /sys/firmware';

suite('the confinement of containers', function () {
  this.timeout(120_000);
  let place: Place;

  suiteSetup(async () => {
    place = await makePlace('confinement');
  });
  suiteTeardown(() => place.remove());

  const lines = (text: string) => text.split('\n').filter((line) => line !== '');
  const waits = async (name: string, of: string, reason: string) => {
    const found = await eventually(`${of} waits`, async () => {
      const waiting = (await place.status(name, of))?.state?.waiting;
      return waiting?.reason === reason && waiting;
    });
    return found.message;
  };

  test('commands, probes and hooks have no more than the container, nor anything of the node’s agent', async () => {
    const volumeMounts = [{ name: 'out', mountPath: '/out' }];
    const strict = {
      runAsUser: 1000,
      runAsGroup: 3000,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
    };
    const watched = (name: string, securityContext: object) => ({
      ...container(`${into(`${name}-main`)}; ${forever}`, {
        volumeMounts,
        securityContext,
        startupProbe: probe(`${name}-startup`),
        readinessProbe: probe(`${name}-readiness`),
        livenessProbe: probe(`${name}-liveness`),
        lifecycle: { postStart: lookInto(`${name}-postStart`), preStop: lookInto(`${name}-preStop`) },
      }),
      name,
    });
    const names = ['strict', 'plain', 'mighty'];
    await place.run('ways', {
      terminationGracePeriodSeconds: 20,
      securityContext: { supplementalGroups: [700], fsGroup: 800 },
      containers: [
        watched('strict', strict),
        watched('plain', {}),
        watched('mighty', { privileged: true }),
        {
          // Shows what the hooks at the end have seen: the first process of a container takes no signal that it does not expect.
          ...container(
            `cd /out; for each in ${names.join(' ')}; do until test -e $each-preStop; do sleep 0.1; done; cat $each-preStop; done`,
            {
              volumeMounts,
            },
          ),
          name: 'reader',
        },
      ],
      volumes: [{ name: 'out', emptyDir: {} }],
    });
    await eventually('all looks', async () => {
      const files = await place.exec('ways', 'ls /out', 'plain').catch(() => '');
      return names.every((name) => files.includes(`${name}-liveness`) && files.includes(`${name}-readiness`));
    });
    const follower = place.cluster.spawnKubectl(['-n', 'confinement', 'logs', '-f', 'ways', '-c', 'reader']);
    const seenBy: Record<string, string> = {};
    for (const name of names) {
      const main = await place.exec('ways', `cat /out/${name}-main`, name);
      seenBy[name] = main;
      const others = ['startup', 'readiness', 'liveness', 'postStart'];
      const files = others.map((way) => `/out/${name}-${way}`).join(' ');
      assert.equal(await place.exec('ways', `cat ${files}`, name), main.repeat(others.length));
      assert.equal(await place.exec('ways', look, name), main, `exec in ${name}`);
    }
    const expected = {
      strict: [
        'Uid: 1000 1000 1000 1000',
        'Gid: 3000 3000 3000 3000',
        'Groups: 700 800 3000 ',
        '0000000000000400',
        '1',
        '2',
      ],
      plain: ['Uid: 0 0 0 0', 'Gid: 0 0 0 0', 'Groups: 0 700 800 ', '00000000a80425fb', '0', '2'],
    };
    for (const [name, [uid, gid, groups, bounding, noNewPrivileges, filter]] of Object.entries(expected)) {
      const effective = name === 'strict' ? '0000000000000000' : bounding;
      const [status, rest] = [lines(seenBy[name]!).slice(0, 10), lines(seenBy[name]!).slice(10)];
      assert.deepEqual(status, [
        uid,
        gid,
        groups,
        'CapInh: 0000000000000000',
        `CapPrm: ${effective}`,
        `CapEff: ${effective}`,
        `CapBnd: ${bounding}`,
        'CapAmb: 0000000000000000',
        `NoNewPrivs: ${noNewPrivileges}`,
        `Seccomp: ${filter}`,
      ]);
      assert.deepEqual(rest.slice(0, 2), ['0022', '1000']);
      assert.ok(rest.includes(ownDescriptors), rest.join('\n'));
      const service =
        'PORT PORT_443_TCP PORT_443_TCP_ADDR PORT_443_TCP_PORT PORT_443_TCP_PROTO SERVICE_HOST SERVICE_PORT SERVICE_PORT_HTTPS';
      const variables = [
        'HOME',
        'HOSTNAME',
        ...service.split(' ').map((part) => `KUBERNETES_${part}`),
        'PATH',
        'PWD',
        'SHLVL',
      ];
      assert.equal(rest.at(-1), `variables ${variables.join(' ')}`);
      if (isUnified) assert.ok(rest.includes('0::/'), rest.join('\n'));
    }
    const mighty = lines(seenBy['mighty']!);
    assert.ok(mighty.includes('NoNewPrivs: 0') && mighty.includes('Seccomp: 0') && mighty.includes(ownDescriptors));
    await place.kubectl('delete', 'pod', 'ways', '--wait=false');
    await follower.exited;
    assert.equal(follower.output(), names.map((name) => seenBy[name]).join(''));
  });

  testSinceKubectl(27, 'a debugger’s container has what its profile says, whatever the others may', async () => {
    await place.run('patient', { containers: [container(forever, { securityContext: { privileged: true } })] });
    await place.run('careful', {
      securityContext: { runAsUser: 1000, runAsNonRoot: true },
      containers: [container(forever)],
    });
    await Promise.all([place.ready('patient'), place.ready('careful')]);
    const debug = async (pod: string, profile: string) => {
      const name = `doctor-${profile}`;
      await place.kubectl(
        'debug',
        pod,
        `--image=${testImage}`,
        '-c',
        name,
        `--profile=${profile}`,
        '--',
        'sh',
        '-c',
        look,
      );
      await eventually('its end', async () => (await place.status(pod, name))?.state?.terminated);
      const found = lines(await place.kubectl('logs', pod, '-c', name));
      assert.ok(found.includes(ownDescriptors), found.join('\n'));
      const of = (key: string) => found.find((line) => line.startsWith(`${key}:`))?.slice(key.length + 2);
      return [of('Uid'), of('CapEff'), of('CapBnd'), of('NoNewPrivs'), of('Seccomp')];
    };
    const usual = '00000000a80425fb';
    const none = '0000000000000000';
    assert.deepEqual(await debug('patient', 'baseline'), ['0 0 0 0', usual, usual, '0', '2']);
    // SYS_PTRACE is bit 19.
    const tracing = (BigInt(`0x${usual}`) | (1n << 19n)).toString(16).padStart(16, '0');
    assert.deepEqual(await debug('patient', 'general'), ['0 0 0 0', tracing, tracing, '0', '2']);
    assert.deepEqual(await debug('careful', 'restricted'), ['1000 1000 1000 1000', none, none, '1', '2']);
  });

  test('what belongs to the node is hidden, or can be read alone', async () => {
    await place.run('walls', {
      hostAliases: [],
      containers: [
        { ...container(forever), name: 'plain' },
        { ...container(forever, { securityContext: { privileged: true } }), name: 'mighty' },
      ],
    });
    await place.ready('walls');
    const exec = (script: string, of = 'plain') => place.exec('walls', script, of);
    const readable = `for each in ${masked}; do if test -d $each; then ls -A $each; else cat $each; fi; done 2>/dev/null | wc -c`;
    assert.equal(await exec(readable), '0\n');
    assert.notEqual(await exec(readable, 'mighty'), '0\n');
    const writes =
      '/proc/sys/kernel/domainname /proc/sysrq-trigger /proc/irq/default_smp_affinity /proc/bus/x /proc/fs/x /sys/kernel/x';
    const groups = isUnified ? '/sys/fs/cgroup/x' : '/sys/fs/cgroup/memory/x';
    assert.equal(
      await exec(`for each in ${writes} ${groups}; do (: >> $each) 2>/dev/null && echo $each; done; true`),
      '',
    );
    const usual = 'fd full mqueue null ptmx pts random shm stderr stdin stdout termination-log tty urandom zero';
    assert.equal(await exec('echo $(ls /dev | grep -v ^core$)'), `${usual}\n`);
    // A device of the node's can be named, but not opened: neither a disk nor the kernel's log.
    const devices =
      'mknod /disk b 254 0; mknod /log c 1 11; for each in disk log; do head -c 1 /$each 2>&1; done; true';
    assert.equal(await exec(devices), 'head: /disk: Operation not permitted\nhead: /log: Operation not permitted\n');
    const forbidden = 'mount -t tmpfs none /tmp; unshare -U true; chroot / mount -o remount,rw /sys; hostname other';
    assert.equal(await exec(`(${forbidden}) 2>&1 | grep -cE "(permitted|denied)"`), '4\n');
    const mounts = lines(await exec('cat /proc/self/mountinfo'));
    assert.deepEqual(
      mounts.filter((line) => / (shared|master):/.test(line)),
      [],
    );
    const options = (target: string) => mounts.find((line) => line.split(' ')[4] === target)?.split(' ')[5];
    assert.equal(options('/dev/shm'), 'rw,nosuid,nodev,noexec,relatime');
    assert.equal(options('/sys'), 'ro,nosuid,nodev,noexec,relatime');
    assert.equal(options('/proc'), 'rw,nosuid,nodev,noexec,relatime');
    // It sees its own processes alone, and the first is its own.
    assert.match(await exec('ps -o pid,args | sed -n 2p'), /^ *1 sh -c trap/);
    assert.equal(await exec('ps | grep conmo[n]; true'), '');
  });

  test('what the node cannot or may not give is refused in upstream’s words', async () => {
    const node = place.cluster.layout.nodes[0]!;
    const profiles = `${node.stateDir}/seccomp`;
    mkdirSync(`${profiles}/ours`, { recursive: true });
    const rule = { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' };
    writeFileSync(
      `${profiles}/ours/no-folders.json`,
      JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule] }),
    );
    const local = (localhostProfile: string) => ({ seccompProfile: { type: 'Localhost', localhostProfile } });
    const one = (name: string, securityContext: object) => ({ ...container(forever, { securityContext }), name });
    await place.run('filters', {
      nodeName: node.name,
      containers: [
        one('there', local('ours/no-folders.json')),
        one('absent', local('absent.json')),
        one('odd', { capabilities: { add: ['FLYING'] } }),
      ],
    });
    await place.run('armoured', {
      securityContext: { appArmorProfile: { type: 'RuntimeDefault' } },
      containers: [container(forever)],
    });
    await place.run('unarmoured', {
      securityContext: { appArmorProfile: { type: 'Unconfined' } },
      containers: [container(forever)],
    });
    const settings = (name: string) => ({
      securityContext: { sysctls: [{ name, value: '1' }] },
      containers: [container(forever)],
    });
    await place.run('tuned', settings('net.ipv4.tcp_syncookies'));
    await place.run('overtuned', settings('kernel.msgmax'));
    await eventually('the first runs', async () => (await place.status('filters', 'there'))?.state?.running);
    assert.equal(
      await place.exec('filters', 'mkdir /x 2>&1; touch /y && echo made', 'there'),
      "mkdir: can't create directory '/x': Operation not permitted\nmade\n",
    );
    const absent = `${profiles}/absent.json`;
    assert.equal(
      await waits('filters', 'absent', 'CreateContainerError'),
      `cannot load seccomp profile "${absent}": open ${absent}: no such file or directory`,
    );
    assert.equal(await waits('filters', 'odd', 'CreateContainerError'), 'unknown capability "CAP_FLYING"');
    if (!existsSync('/sys/module/apparmor')) {
      await place.phase('armoured', 'Failed');
      const { status } = await place.pod('armoured');
      assert.deepEqual(
        [status?.reason, status?.message],
        ['AppArmor', 'Pod was rejected: Cannot enforce AppArmor: AppArmor is not enabled on the host'],
      );
    }
    await place.phase('overtuned', 'Failed');
    const { status } = await place.pod('overtuned');
    assert.deepEqual(
      [status?.reason, status?.message],
      ['SysctlForbidden', 'Pod was rejected: forbidden sysctl: "kernel.msgmax" not allowlisted'],
    );
    await Promise.all([place.ready('tuned'), place.ready('unarmoured')]);
    assert.equal(await place.exec('tuned', 'cat /proc/sys/net/ipv4/tcp_syncookies'), '1\n');
  });
});
