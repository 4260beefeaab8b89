import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import type { ContainerUsage, Layer, ObservedContainer, ObservedPod, PodUsage, SandboxSpec } from '../types.ts';
import { eventually } from '../../../test/harness/eventually.ts';
import { containerSpec, makeBench, podSpec } from './bench.fixture.ts';
import type { Bench, ContainerWishes } from './bench.fixture.ts';
import { runtimeContract } from '../contract.ts';
import { probeFeatures } from './features.ts';

const forever = 'trap "exit 0" TERM; while :; do sleep 0.1; done';
const controllersOfV2 = '/sys/fs/cgroup/cgroup.controllers';
const hasMemoryController =
  existsSync('/sys/fs/cgroup/memory') ||
  (existsSync(controllersOfV2) && readFileSync(controllersOfV2, 'utf8').includes('memory'));
/** Far more than any command needs that is to end by itself. */
const ampleMs = 120_000;

runtimeContract('oci', async () => {
  const bench = await makeBench();
  const { noUserNamespaces } = await probeFeatures(`${bench.folder}/state`, `${bench.folder}/run`);
  const scripts = { sleeps: forever, fails: 'exit 3', stubborn: 'trap "" TERM; while :; do sleep 0.1; done' };
  return {
    runtime: bench.runtime,
    container: (uid, name, part, attempt = 0) =>
      containerSpec(bench, podSpec({ uid }), scripts[part], { name, attempt }),
    noUserNamespaces,
    until: async (look) => void (await eventually('what the contract says', look)),
    close: () => bench.close(),
  };
});

suite('oci runtime', () => {
  let bench: Bench;
  const changed: string[] = [];

  suiteSetup(async () => {
    bench = await makeBench();
    await bench.call('prepareNode');
    bench.runtime.onChange((uid) => changed.push(uid));
  });
  suiteTeardown(() => bench.close());
  teardown(async () => {
    assert.deepEqual(await bench.leftovers(), []);
  });

  const prepare = (more: Partial<SandboxSpec> = {}) => {
    const pod = podSpec(more);
    return bench.call<ObservedPod>('preparePod', pod).then((observed) => ({ pod, observed }));
  };
  const start = (pod: SandboxSpec, script: string, more: ContainerWishes = {}) =>
    bench.call<ObservedContainer>('startContainer', containerSpec(bench, pod, script, more));
  const observed = async (id: string) =>
    (await bench.call<ObservedPod[]>('list')).flatMap(({ containers }) => containers).find((item) => item.id === id)!;
  const exited = (id: string) =>
    eventually('exit', async () => {
      const found = await observed(id);
      return found.state === 'exited' && found;
    });
  const run = async (script: string, more: ContainerWishes = {}, sandbox: Partial<SandboxSpec> = {}) => {
    const { pod } = await prepare(sandbox);
    const { id, logPath } = await start(pod, script, more);
    return { ...(await exited(id)), lines: readFileSync(logPath, 'utf8') };
  };
  const exec = (id: string, script: string) =>
    bench.call<{ exitCode: number; output: string }>('execSync', id, ['sh', '-c', script], ampleMs);

  test('startContainer() runs a container to its end and keeps its log, exit code and last words', async () => {
    const { pod, observed: sandbox } = await prepare();
    assert.equal(sandbox.ready, true);
    assert.match(sandbox.ips[0]!, /^10\.99\.0\.\d+$/);
    const { id } = await start(pod, 'echo out; echo err >&2; printf part; printf bye >/dev/termination-log; exit 3');
    const end = await exited(id);
    assert.equal(end.exitCode, 3);
    assert.equal(end.message, 'bye');
    assert.equal(end.oomKilled, false);
    assert.ok(end.startedAt! <= end.finishedAt!);
    const lines = readFileSync(end.logPath, 'utf8').trimEnd().split('\n');
    for (const line of lines) assert.match(line, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}[+Z]\S* (stdout|stderr) [PF] /);
    assert.deepEqual(lines.map((line) => line.split(' ').slice(1).join(' ')).sort(), [
      'stderr F err',
      'stdout F out',
      'stdout P part',
    ]);
    await eventually('news of the exit', () => changed.includes(pod.uid));
    await bench.call('removeContainer', id);
    assert.deepEqual((await bench.call<ObservedPod[]>('list'))[0]!.containers, []);
    assert.ok(existsSync(end.logPath));
  });

  test('preparePod() and startContainer() done twice are done once', async () => {
    const { pod, observed: first } = await prepare();
    const again = await bench.call<ObservedPod>('preparePod', pod);
    assert.deepEqual(again, first);
    const one = await start(pod, forever);
    const two = await start(pod, forever);
    assert.deepEqual(two, one);
  });

  test('startContainer() refuses programs that are not there, in the words users know', async () => {
    const { pod } = await prepare();
    const refusal = async (args: string[]) => {
      await assert.rejects(
        () => start(pod, '', { args }),
        (error: Error & { reason: string }) => {
          assert.equal(error.reason, 'RunContainerError');
          return true;
        },
      );
      return start(pod, '', { args }).catch((error: Error) => error.message.replace(/^.*process: /, ''));
    };
    assert.equal(await refusal(['nothing']), 'exec: "nothing": executable file not found in $PATH');
    assert.equal(await refusal(['/bin/nothing']), 'exec: "/bin/nothing": stat /bin/nothing: no such file or directory');
    assert.equal(await refusal(['/etc/passwd']), 'exec: "/etc/passwd": permission denied');
    assert.equal(await refusal(['/etc']), 'exec: "/etc": permission denied');
    assert.deepEqual((await bench.call<ObservedPod[]>('list'))[0]!.containers, []);
  });

  test('startContainer() refuses root when told so, and users and profiles that nobody knows', async () => {
    const { pod } = await prepare();
    await assert.rejects(
      () => start(pod, forever, { runAsNonRoot: true }),
      /container has runAsNonRoot and image will run as root/,
    );
    await assert.rejects(() => start(pod, forever, { user: 'nobody' }), /unable to find user nobody/);
    await assert.rejects(
      () => start(pod, forever, { security: { seccomp: '/no/profile.json' } }),
      /^Error: cannot load seccomp profile "\/no\/profile.json": open \/no\/profile.json: no such file or directory$/,
    );
  });

  test('stopContainer() asks first, then kills', async () => {
    const { pod } = await prepare();
    const polite = await start(pod, 'trap "exit 7" TERM; while :; do sleep 0.05; done', { name: 'polite' });
    const stubborn = await start(pod, 'trap "" TERM; while :; do sleep 0.05; done', { name: 'stubborn' });
    await Promise.all([bench.call('stopContainer', polite.id, ampleMs), bench.call('stopContainer', stubborn.id, 200)]);
    assert.equal((await observed(polite.id)).exitCode, 7);
    assert.equal((await observed(stubborn.id)).exitCode, 137);
    const quick = await start(pod, forever, { name: 'quick' });
    await bench.call('stopContainer', quick.id, 0);
    assert.equal((await observed(quick.id)).exitCode, 137);
  });

  test('list() tells of containers that were killed for want of memory (needs the memory controller)', async function () {
    if (!hasMemoryController) this.skip();
    const hog = `awk 'BEGIN { for (text = "0123456789abcdef";;) text = text text }'`;
    const end = await run(hog, {
      args: ['sh', '-c', `exec ${hog}`],
      resources: { memoryLimitBytes: 16 * 1024 * 1024 },
    });
    assert.equal(end.exitCode, 137);
    assert.equal(end.oomKilled, true);
  });

  test('startContainer() holds a layer with a limit to it, and takes of the disk only what is used', async () => {
    const { pod } = await prepare();
    const { id, logPath } = await start(pod, 'dd if=/dev/zero of=/x bs=1M count=20; sleep 100', {
      ephemeralStorageBytes: 10 * 1024 * 1024,
    });
    await eventually('the refusal', () => /No space left|quota exceeded/.test(readFileSync(logPath, 'utf8')));
    const [layer] = await bench.call<Layer[]>('layers', pod.uid);
    assert.equal(layer!.id, id);
    const sizeOf = (file: string) => Number(bench.inNode(`du --block-size=1 -s ${file}`).split('\t')[0]);
    const used = sizeOf(layer!.folder);
    assert.ok(used > 8 * 1024 * 1024 && used <= 10 * 1024 * 1024, String(used));
    assert.equal((await observed(id)).state, 'running');
    // The agent may die and live again meanwhile.
    await bench.killDriver();
    assert.equal((await observed(id)).state, 'running');
  });

  test('startContainer() gives the user, groups and privileges asked for', async () => {
    const look = 'id -u; id -g; id -G; grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/self/status';
    const { lines } = await run(look, {
      user: 'app',
      supplementalGroups: [3000],
      security: { allowPrivilegeEscalation: false, capabilitiesDrop: ['ALL'], capabilitiesAdd: ['NET_BIND_SERVICE'] },
    });
    assert.deepEqual(texts(lines), [
      '1000',
      '1000',
      '1000 2000 3000',
      'CapEff:\t0000000000000000',
      'CapBnd:\t0000000000000400',
      'NoNewPrivs:\t1',
      'Seccomp:\t2',
    ]);
  });

  test('startContainer() hides and protects what belongs to the node', async () => {
    const { lines } = await run(
      'for file in /proc/sys/kernel/panic /sys/kernel/mm; do touch "$file/x" 2>/dev/null || echo kept; done; cat /proc/timer_list | wc -c; ls /dev | grep -c vda; echo 1 >/proc/sys/kernel/panic || echo kept; mkdir -p /work/here && pwd',
      { workingDir: '/made/for/it' },
    );
    assert.deepEqual(
      texts(lines).filter((line) => line !== '' && !line.includes(':')),
      ['kept', 'kept', '0', '0', 'kept', '/made/for/it'],
    );
  });

  test('startContainer() filters system calls, with a compiled program and with a ready one', async () => {
    for (const name of ['first', 'second']) {
      const { lines } = await run('unshare -U true 2>/dev/null || echo refused; grep Seccomp: /proc/self/status', {
        name,
      });
      assert.deepEqual(texts(lines), ['refused', 'Seccomp:\t2']);
    }
    const open = await run('unshare -U true && echo allowed', { security: { seccomp: 'Unconfined' } });
    assert.deepEqual(texts(open.lines), ['allowed']);
  });

  test('startContainer() puts a container among the processes of another, with which it ends', async () => {
    const { pod } = await prepare();
    const target = await start(pod, `${forever}; : target`, { name: 'target' });
    const look = 'ps -o pid,args | grep -c ": targe[t]"; echo $$; exec sleep 1000';
    const doctor = await start(pod, look, { name: 'doctor', processesOf: 'target' });
    const seen = await eventually('its look', () => {
      const lines = texts(readFileSync(doctor.logPath, 'utf8'));
      return lines.length === 2 && lines;
    });
    assert.equal(seen[0], '1');
    assert.notEqual(seen[1], '1');
    assert.match((await exec(doctor.id, 'ps -o args')).output, /: target/);
    await bench.call('stopContainer', target.id, ampleMs);
    assert.equal((await exited(doctor.id)).exitCode, 137);
    await assert.rejects(
      start(pod, forever, { name: 'late', processesOf: 'target' }),
      (error: Error & { reason: string }) =>
        error.reason === 'CreateContainerConfigError' && error.message === 'unable to find target container target',
    );
  });

  test('startContainer() makes privileged containers and read-only roots', async () => {
    const privileged = await run(
      'ls /dev/loop-control /dev/kmsg; grep Seccomp: /proc/self/status; mount -t tmpfs none /tmp && echo mounted',
      {
        security: { privileged: true },
      },
    );
    assert.deepEqual(texts(privileged.lines), ['/dev/kmsg', '/dev/loop-control', 'Seccomp:\t0', 'mounted']);
    const readOnly = await run('touch /x || echo refused; touch /dev/shm/x && echo shared', {
      security: { readOnlyRootFilesystem: true },
    });
    assert.deepEqual(
      texts(readOnly.lines).filter((line) => !line.includes('touch:')),
      ['refused', 'shared'],
    );
  });

  test('preparePod() gives name, hosts, resolver and settings', async () => {
    const { observed: sandbox } = await prepare();
    const end = await run(
      'hostname; cat /etc/hostname /etc/hosts /etc/resolv.conf /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/core/somaxconn',
      {},
      { hostname: 'db-0', domainname: 'db.default.svc.cluster.local', sysctls: { 'net.core.somaxconn': '77' } },
    );
    const [first = ''] = sandbox.ips;
    const address = texts(end.lines)
      .find((line) => line.includes('db-0.db'))!
      .split('\t')[0]!;
    assert.notEqual(address, first);
    assert.deepEqual(texts(end.lines), [
      'db-0',
      'db-0',
      '127.0.0.1\tlocalhost',
      `${address}\tdb-0.db.default.svc.cluster.local\tdb-0`,
      'nameserver 10.96.0.10',
      '0',
      '77',
    ]);
    await assert.rejects(() => prepare({ sysctls: { 'vm.swappiness': '1' } }), /not in a separate kernel namespace/);
  });

  test("execSync() runs with the container's own user and limits, on real pipes", async () => {
    const { pod } = await prepare();
    const { id } = await start(pod, forever, {
      user: 'app',
      env: ['COLOUR=blue'],
      workingDir: '/tmp',
      security: { allowPrivilegeEscalation: false },
    });
    const answer = await exec(
      id,
      'id -u; pwd; echo $COLOUR; grep -E "NoNewPrivs|CapEff" /proc/self/status; cat /proc/self/oom_score_adj; echo again >/dev/stderr; exit 5',
    );
    assert.equal(answer.exitCode, 5);
    assert.deepEqual(answer.output.trimEnd().split('\n').sort(), [
      '/tmp',
      '1000',
      '1000',
      'CapEff:\t0000000000000000',
      'NoNewPrivs:\t1',
      'again',
      'blue',
    ]);
    assert.deepEqual(await bench.call('execSync', id, ['sleep', '10'], 100), {
      exitCode: 124,
      output: '',
      timedOut: true,
    });
    await assert.rejects(
      () => bench.call('execSync', id, ['nothing'], ampleMs),
      /exec: "nothing": executable file not found in \$PATH/,
    );
    const behind = await exec(id, 'sleep 1000 & echo done');
    assert.deepEqual([behind.exitCode, behind.output], [0, 'done\n']);
  });

  test('exec() carries input both ways, and its end', async () => {
    const { pod } = await prepare();
    const { id } = await start(pod, forever);
    await bench.call('open', 'copy', 'exec', id, ['sh', '-c', 'cat; exit 4'], false);
    const much = 'x'.repeat(300_000);
    await bench.call('write', 'copy', much);
    await bench.call('closeStdin', 'copy');
    assert.equal(await bench.call('ended', 'copy'), 4);
    assert.equal((await bench.call<string>('output', 'copy')).length, much.length);
  });

  test('exec() on a terminal follows its size', async () => {
    const { pod } = await prepare();
    const { id } = await start(pod, forever);
    await bench.call('open', 'shell', 'exec', id, ['sh'], true);
    await bench.call('resize', 'shell', 101, 33);
    await eventually('size of the terminal', async () => {
      await bench.call('write', 'shell', 'stty size\n');
      return /33 101/.test(await bench.call<string>('output', 'shell'));
    });
    await bench.call('write', 'shell', 'exit 9\n');
    assert.equal(await bench.call('ended', 'shell'), 9);
  });

  test('attach() joins the streams, and the container outlives the client', async () => {
    const { pod } = await prepare();
    const { id } = await start(pod, 'while read line; do echo "got $line"; done; echo end', {
      stdin: true,
      stdinOnce: true,
    });
    await bench.call('open', 'client', 'attach', id, [], false);
    await bench.call('write', 'client', 'one\ntwo\n');
    await eventually('echo', async () => (await bench.call<string>('output', 'client')) === 'got one\ngot two\n');
    await bench.call('closeStdin', 'client');
    const end = await exited(id);
    assert.equal(end.exitCode, 0);
    await bench.call('ended', 'client');
  });

  test('attach() to a terminal resizes it', async () => {
    const { pod } = await prepare();
    const { id } = await start(pod, 'while read line; do stty size; done', { stdin: true, tty: true });
    await bench.call('open', 'client', 'attach', id, [], true);
    await bench.call('resize', 'client', 90, 20);
    await eventually('size', async () => {
      await bench.call('write', 'client', '\n');
      return /20 90/.test(await bench.call<string>('output', 'client'));
    });
  });

  test('openPort() reaches the loopback of the pod, and says when nobody listens', async () => {
    const { pod } = await prepare();
    const { id } = await start(pod, 'nc -ll -p 8080 -e cat');
    await eventually('listener', async () => (await exec(id, 'grep -q :1F90 /proc/net/tcp*')).exitCode === 0);
    assert.equal(await bench.call('port', pod.uid, 8080, 'hello'), 'hello');
    await assert.rejects(
      () => bench.call('port', pod.uid, 81, ''),
      /failed to connect to localhost:81.*[Cc]onnection refused/,
    );
  });

  test('pods reach each other, and host ports reach pods', async () => {
    const server = await prepare({ ports: [{ hostPort: 18080, containerPort: 80, protocol: 'TCP', hostIP: '' }] });
    const client = await prepare();
    const listening = await start(server.pod, 'nc -ll -p 80 -e echo welcome');
    const { id } = await start(client.pod, forever);
    const [address] = server.observed.ips;
    await eventually('listener', async () => (await exec(listening.id, 'grep -q :0050 /proc/net/tcp*')).exitCode === 0);
    assert.match((await exec(id, `ping -c 1 -W 2 ${address}`)).output, /1 packets received/);
    const ask = (where: string) => exec(id, `nc -w 2 ${where} </dev/null`).then(({ output }) => output.trim());
    assert.equal(await ask(`${address} 80`), 'welcome');
    assert.equal(await ask('10.99.0.1 18080'), 'welcome');
    // From the node itself, and from the pod to its own host port.
    assert.equal(bench.inNode('busybox nc -w 2 127.0.0.1 18080 </dev/null').trim(), 'welcome');
    assert.match((await exec(listening.id, 'nc -w 2 10.99.0.1 18080 </dev/null')).output, /welcome/);
  });

  test('flows of UDP to a host port end with their pod', async () => {
    const { pod } = await prepare({ ports: [{ hostPort: 18053, containerPort: 53, protocol: 'UDP', hostIP: '' }] });
    const flows = () => bench.inNode('conntrack -L --proto udp --orig-port-dst 18053 2>/dev/null || true').trim();
    bench.inNode('echo question | socat -u - UDP4-SENDTO:127.0.0.1:18053');
    assert.match(flows(), /sport=53 /);
    await bench.call('removePod', pod.uid);
    assert.equal(flows(), '');
  });

  test('a shared process namespace shows all containers to each, and nothing of the node', async () => {
    const { pod } = await prepare({ shareProcessNamespace: true });
    await start(pod, 'exec sleep 4321', { name: 'one' });
    const { id } = await start(pod, forever, { name: 'two', security: { capabilitiesAdd: ['SYS_PTRACE'] } });
    const { output } = await exec(id, 'ps -o pid,args; ls /proc/1/root /proc/1/root/..');
    assert.match(output, /sleep 4321/);
    assert.match(output, /^\s*1 \/bin\/busybox sh/m);
    assert.doesNotMatch(output, /\busr\b|\bwork\b/);
  });

  test("pods on the node's network have its interfaces and addresses", async () => {
    const { pod, observed: sandbox } = await prepare({ hostNetwork: true });
    assert.deepEqual(sandbox.ips, ['192.0.2.1']);
    const { id } = await start(pod, forever);
    assert.match((await exec(id, 'ls /sys/class/net /proc/self/net; cat /proc/net/dev')).output, /wherry0/);
  });

  test('stats() reads what containers use', async () => {
    const { pod } = await prepare();
    const { id } = await start(pod, forever);
    const [usage] = await bench.call<ContainerUsage[]>('stats', pod.uid);
    assert.equal(usage!.id, id);
    assert.ok(usage!.cpuNanoseconds > 0 && usage!.memoryBytes > 0 && usage!.pids > 0);
    const whole = (await bench.call<PodUsage | undefined>('podUsage', pod.uid))!;
    assert.ok(whole.cgroup.endsWith(`/pod${pod.uid}`) && whole.whole.cpuNanoseconds > 0, whole.cgroup);
    assert.ok(whole.containers[0]!.rssBytes > 0 && whole.containers[0]!.pageFaults > 0);
    assert.deepEqual(
      whole.interfaces.map(({ name }) => name),
      ['eth0'],
    );
    assert.equal(await bench.call('podUsage', 'none'), undefined);
  });

  test('reopenLog() goes on in a new file after the old one was renamed', async () => {
    const { pod } = await prepare();
    const { id, logPath } = await start(pod, 'while :; do echo tick; sleep 0.05; done');
    await eventually('log', () => existsSync(logPath) && readFileSync(logPath, 'utf8').includes('tick'));
    renameSync(logPath, `${logPath}.old`);
    await bench.call('reopenLog', id);
    await eventually('new log', () => existsSync(logPath) && readFileSync(logPath, 'utf8').includes('tick'));
  });

  test('a new runtime adopts what the killed one left running', async () => {
    const { pod } = await prepare();
    const stays = await start(pod, forever, { name: 'stays' });
    const ends = await start(pod, 'sleep 0.3; exit 6', { name: 'ends' });
    await bench.killDriver();
    await eventually('its end', () => !existsSync(`/proc/${ends.pid}`));
    await exited(ends.id);
    const [again] = await bench.call<ObservedPod[]>('list');
    assert.equal(again!.ready, true);
    const found = new Map(again!.containers.map((container) => [container.name, container]));
    assert.deepEqual(found.get('stays'), stays);
    assert.equal(found.get('ends')!.exitCode, 6);
    assert.equal(found.get('ends')!.id, ends.id);
    assert.equal((await exec(stays.id, 'echo still')).output, 'still\n');
    await bench.call('stopContainer', stays.id, ampleMs);
    assert.equal((await observed(stays.id)).exitCode, 0);
  });

  test('a runtime killed at any moment leaves nothing that cannot be adopted or removed', async () => {
    for (const delayMs of [2, 8, 16, 25, 35, 45]) {
      const pod = podSpec();
      await bench.call('list');
      const doing = bench.call('preparePod', pod).then(() => start(pod, forever));
      await Promise.race([doing, new Promise((resolve) => setTimeout(resolve, delayMs))]);
      await bench.killDriver();
      for (const left of await bench.call<ObservedPod[]>('list')) {
        for (const container of left.containers) assert.equal(container.state, 'running');
      }
      const sandbox = await bench.call<ObservedPod>('preparePod', pod);
      assert.equal(sandbox.ready, true);
      const container = await start(pod, forever);
      assert.equal(container.state, 'running');
      assert.deepEqual(await bench.leftovers(), []);
    }
  });

  test('list() reports pods from before the machine started anew as broken, and their containers as ended', async () => {
    const { pod } = await prepare();
    const done = await start(pod, 'exit 0', { name: 'done' });
    await exited(done.id);
    const cut = await start(pod, forever, { name: 'cut' });
    await bench.killDriver();
    // The nearest thing to a restart that one machine allows: all processes gone at once, and the record of another start.
    bench.inNode(
      `for file in ${bench.folder}/state/pods/${pod.uid}/containers/*/conmon.pid; do kill -9 "$(cat $file)" || true; done 2>/dev/null; kill -9 ${cut.pid}`,
    );
    bench.inNode(
      `sed -i 's/"bootId":"[^"]*"/"bootId":"another"/' ${bench.folder}/state/pods/${pod.uid}/pod.json ${bench.folder}/state/pods/${pod.uid}/containers/*/container.json`,
    );
    const [broken] = await bench.call<ObservedPod[]>('list');
    assert.equal(broken!.ready, false);
    const codes = new Map(broken!.containers.map(({ name, exitCode }) => [name, exitCode]));
    assert.deepEqual(
      codes,
      new Map([
        ['done', 0],
        ['cut', 255],
      ]),
    );
    const repaired = await bench.call<ObservedPod>('preparePod', pod);
    assert.equal(repaired.ready, true);
    assert.equal(repaired.containers.length, 2);
    assert.equal((await start(pod, forever, { name: 'cut', attempt: 1 })).state, 'running');
  });
});

function texts(lines: string): string[] {
  return lines
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' ').slice(3).join(' '));
}
