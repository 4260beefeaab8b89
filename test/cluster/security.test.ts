/** What containers may do and how much they may use: security contexts, requests and limits, seen from inside. */
import assert from 'node:assert/strict';
import { eventually } from '../harness/cluster.ts';
import { container, forever, makePlace } from './place.ts';
import type { Place } from './place.ts';

const status = 'grep -E "^(Uid|Gid|Groups|CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/self/status | tr "\\t" " "';
const defaultCapabilities = '00000000a80425fb';

suite('security and limits', function () {
  this.timeout(60_000);
  let place: Place;
  const facts = async (name: string, of: string) =>
    Object.fromEntries(
      (await place.exec(name, status, of))
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.trim().split(/:\s*/) as [string, string]),
    );
  const one = (name: string, securityContext: object, script = forever) => ({
    ...container(script, { securityContext }),
    name,
  });

  suiteSetup(async () => {
    place = await makePlace('security');
  });
  suiteTeardown(() => place.remove());

  test('users, groups, capabilities and filters are those asked for, in commands too', async () => {
    await place.run('contexts', {
      securityContext: { supplementalGroups: [700], fsGroup: 800 },
      containers: [
        one('plain', {}),
        one('user', { runAsUser: 1000, runAsGroup: 3000, allowPrivilegeEscalation: false }),
        one('less', {
          capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE', 'SYS_TIME'] },
          readOnlyRootFilesystem: true,
        }),
        one('free', { seccompProfile: { type: 'Unconfined' }, capabilities: { add: ['SYS_ADMIN'], drop: ['MKNOD'] } }),
        one('mighty', { privileged: true }),
      ],
    });
    await place.ready('contexts');
    assert.deepEqual(await facts('contexts', 'plain'), {
      Uid: '0 0 0 0',
      Gid: '0 0 0 0',
      Groups: '0 700 800',
      CapEff: defaultCapabilities,
      CapBnd: defaultCapabilities,
      NoNewPrivs: '0',
      Seccomp: '2',
    });
    const user = await facts('contexts', 'user');
    assert.deepEqual(
      [user['Uid'], user['Gid'], user['Groups'], user['CapEff'], user['NoNewPrivs']],
      ['1000 1000 1000 1000', '3000 3000 3000 3000', '700 800 3000', '0000000000000000', '1'],
    );
    const less = await facts('contexts', 'less');
    // NET_BIND_SERVICE is bit 10, SYS_TIME bit 25.
    assert.equal(less['CapEff'], (0x400n | (1n << 25n)).toString(16).padStart(16, '0'));
    assert.equal(
      await place.exec('contexts', 'touch /x 2>&1; echo $?', 'less'),
      'touch: /x: Read-only file system\n1\n',
    );
    const free = await facts('contexts', 'free');
    assert.equal(free['Seccomp'], '0');
    assert.equal(BigInt(`0x${free['CapEff']}`), (BigInt(`0x${defaultCapabilities}`) | (1n << 21n)) & ~(1n << 27n));
    const mighty = await facts('contexts', 'mighty');
    assert.equal(mighty['Seccomp'], '0');
    assert.ok((BigInt(`0x${mighty['CapEff']}`) & (1n << 21n)) !== 0n);
    const looks =
      'cat /proc/kcore 2>/dev/null | head -c 1 | wc -c; ls /sys/firmware | wc -l; sh -c "echo x > /proc/sys/kernel/domainname" 2>&1; echo $?';
    assert.match(await place.exec('contexts', looks, 'plain'), /^0\n0\n.*Read-only file system\n1\n/s);
    assert.equal(
      await place.exec('contexts', 'test -e /dev/kmsg; echo $?; test -e /dev/kmsg', 'mighty').catch(() => 'no'),
      '0\n',
    );
  });

  test('containers that must not be root are refused as root', async () => {
    await place.run('roots', {
      securityContext: { runAsNonRoot: true },
      containers: [one('image', {}), one('zero', { runAsUser: 0 }), one('fine', { runAsUser: 5 })],
    });
    const { uid } = (await place.pod('roots')).metadata;
    const waiting = await eventually('both refusals', async () => {
      const all = await Promise.all(
        ['image', 'zero'].map(async (name) => (await place.status('roots', name))?.state?.waiting),
      );
      return all.every((item) => item?.message) && all;
    });
    const reason = 'CreateContainerConfigError';
    const where = (name: string) => `(pod: "roots_security(${uid})", container: ${name})`;
    assert.deepEqual(waiting, [
      { reason, message: `container has runAsNonRoot and image will run as root ${where('image')}` },
      { reason, message: `container's runAsUser breaks non-root policy ${where('zero')}` },
    ]);
    await eventually('the third runs', async () => (await place.status('roots', 'fine'))?.state?.running);
  });

  test('limits are the kernel’s to keep', async () => {
    await place.run('limited', {
      containers: [
        {
          ...container(forever, {
            resources: { requests: { cpu: '250m', memory: '16Mi' }, limits: { cpu: '500m', memory: '64Mi' } },
          }),
          name: 'small',
        },
        {
          // A megabyte at a time, until it is too much.
          ...container('x=$(head -c 1048576 /dev/zero | tr "\\0" x); while true; do x=$x$x; done', {
            resources: { limits: { memory: '24Mi' } },
          }),
          name: 'greedy',
        },
      ],
    });
    const cgroup = `
      cd /sys/fs/cgroup
      if test -d cpu; then cat cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpu/cpu.shares memory/memory.limit_in_bytes
      else cat cpu.max | tr " " "\\n"; cat cpu.weight memory.max; fi`;
    await eventually('small runs', async () => (await place.status('limited', 'small'))?.state?.running);
    assert.match(await place.exec('limited', cgroup, 'small'), /^50000\n100000\n(256|10)\n67108864\n$/);
    const killed = await eventually('greedy was killed', async () => {
      const now = await place.status('limited', 'greedy');
      return (now?.state?.terminated ?? now?.lastState?.terminated) && now;
    });
    const end = killed?.state?.terminated ?? killed?.lastState?.terminated;
    assert.deepEqual([end?.reason, end?.exitCode], ['OOMKilled', 137]);
    await eventually(
      'greedy runs again',
      async () => ((await place.status('limited', 'greedy'))?.restartCount ?? 0) > 0,
    );
    assert.match(
      await place.kubectl('get', 'pod', 'limited'),
      /limited\s+[12]\/2\s+(OOMKilled|CrashLoopBackOff|Running)\s+[1-9]/,
    );
    assert.equal((await place.pod('limited')).status?.qosClass, 'Burstable');
  });
});
