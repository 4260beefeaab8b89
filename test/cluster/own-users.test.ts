/** Pods with users of their own (`hostUsers: false`), seen from inside, from the API and from the node. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { NodeList, PodSpec } from '#lib/kinds/gen/core-v1.ts';
import { eventually, testImage } from '../harness/cluster.ts';
import { container, forever, makePlace } from './place.ts';
import type { Place } from './place.ts';

const idsPerPod = 65_536;

suite('pods with users of their own (where the nodes say that they can)', function () {
  this.timeout(90_000);
  let place: Place;
  let folder: string;

  suiteSetup(async function () {
    place = await makePlace('own-users');
    folder = mkdtempSync(path.join(os.tmpdir(), 'wherry-own-users-'));
    const { items } = await place.cluster.get<NodeList>('nodes');
    const able = items.map(({ status }) => status?.runtimeHandlers?.[0]?.features?.userNamespaces);
    assert.ok(able.every((value) => typeof value === 'boolean'));
    if (!able.every((value) => value)) this.skip();
  });
  suiteTeardown(async () => {
    await place.remove();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    const { uid, gid, mode } = statSync('/dev/null');
    assert.deepEqual([uid, gid, mode & 0o777], [0, 0, 0o666]);
  });

  const run = (name: string, spec: Partial<PodSpec>) => place.run(name, { hostUsers: false, ...spec });
  /** The node's first id of a pod's users, as the pod sees it. */
  const firstOf = async (name: string, of?: string) => {
    const [inside, outside, count] = (await place.exec(name, 'cat /proc/self/uid_map', of))
      .trim()
      .split(/\s+/)
      .map(Number);
    assert.deepEqual([inside, count], [0, idsPerPod]);
    return outside!;
  };
  const text = async (name: string, script: string, of?: string) =>
    (await place.exec(name, script, of)).trim().split(/\s+/).join(' ');
  /** Processes of a container as the node sees them: the lines of their status. */
  const statusesOf = async (name: string, of?: string) => {
    const id = (await place.status(name, of))!.containerID!.replace(/^.*\/\//, '');
    return readdirSync('/proc')
      .filter((pid) => /^\d+$/.test(pid))
      .flatMap((pid) => {
        try {
          const inside = readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(id);
          return inside ? [readFileSync(`/proc/${pid}/status`, 'utf8')] : [];
        } catch {
          // It has ended meanwhile.
          return [];
        }
      });
  };

  test('root inside is nobody on the node, and no two pods of the machine have a user in common', async () => {
    const names = ['one', 'two', 'three', 'four'];
    for (const [i, name] of names.entries())
      await run(name, { nodeName: `node-${1 + (i % 2)}`, containers: [container(forever)] });
    await place.run('ordinary', { containers: [container(forever)] });
    for (const name of [...names, 'ordinary']) await place.ready(name);
    const firsts = await Promise.all(names.map((name) => firstOf(name)));
    for (const [i, first] of firsts.toSorted((a, b) => a - b).entries())
      assert.ok(first >= idsPerPod * (i + 1), `${firsts.join(', ')}: shared, or the node's own`);
    assert.match(await place.exec('ordinary', 'cat /proc/self/uid_map'), /^\s*0\s+0\s+4294967295$/m);
    for (const status of await statusesOf('one'))
      assert.match(
        status,
        new RegExp(`^Uid:\\t${firsts[0]}\\t${firsts[0]}\\t${firsts[0]}\\t${firsts[0]}\nGid:\\t${firsts[0]}\\t`, 'm'),
      );
    assert.equal(await text('one', 'id -u; id -g; stat -c %u:%g / /bin /etc/hosts'), '0 0 0:0 0:0 0:0');
    assert.equal(
      await text('one', 'cat /etc/hostname; nslookup kubernetes.default.svc.cluster.local >/dev/null && echo found'),
      'one found',
    );
  });

  test('volumes of all sorts belong to whom the pod knows, and groups and users are the pod’s', async () => {
    const here = path.join(folder, 'here');
    mkdirSync(here);
    writeFileSync(`${here}/given`, 'given');
    await place.cluster.apply([
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'map', namespace: 'own-users' },
        data: { key: 'from-map' },
      },
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'hidden', namespace: 'own-users' },
        stringData: { key: 'from-secret' },
      },
      {
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: { name: 'own-users-disk' },
        spec: {
          capacity: { storage: '1Mi' },
          accessModes: ['ReadWriteOnce'],
          storageClassName: '',
          claimRef: { namespace: 'own-users', name: 'disk' },
          local: { path: here },
          nodeAffinity: {
            required: {
              nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'Exists' }] }],
            },
          },
        },
      },
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'disk', namespace: 'own-users' },
        spec: {
          accessModes: ['ReadWriteOnce'],
          resources: { requests: { storage: '1Mi' } },
          storageClassName: '',
          volumeName: 'own-users-disk',
        },
      },
    ]);
    const token = { serviceAccountToken: { path: 'token' } };
    const field = { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } };
    const volumes: PodSpec['volumes'] = [
      { name: 'disk', emptyDir: {} },
      { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
      { name: 'map', configMap: { name: 'map' } },
      { name: 'hidden', secret: { secretName: 'hidden', defaultMode: 0o400 } },
      { name: 'all', projected: { sources: [token, field] } },
      { name: 'fields', ...field },
      { name: 'host', hostPath: { path: folder } },
      { name: 'claim', persistentVolumeClaim: { claimName: 'disk' } },
    ];
    const mounts = volumes.map(({ name }) => ({ name, mountPath: `/v/${name}` }));
    const volumeMounts = [...mounts, { name: 'disk', mountPath: '/v/sub', subPath: 'made/for/it' }];
    await run('volumes', { containers: [container(forever, { volumeMounts })], volumes });
    await run('grouped', {
      securityContext: { runAsUser: 1000, runAsGroup: 2000, fsGroup: 3000 },
      containers: [container(forever, { volumeMounts })],
      volumes,
    });
    await place.ready('volumes');
    await place.ready('grouped');
    const files = [
      ...volumeMounts.map(({ mountPath }) => mountPath),
      '/v/map/key',
      '/v/hidden/key',
      '/v/all/token',
      '/v/fields/name',
    ];
    assert.deepEqual(
      new Set((await text('volumes', `stat -L -c %u:%g ${files.join(' ')}`)).split(' ')),
      new Set(['0:0', '0:3000']),
    );
    const reads = 'cat /v/map/key /v/hidden/key /v/fields/name /v/claim/given; test -s /v/all/token && echo; echo $?';
    assert.equal(await text('volumes', reads), 'from-mapfrom-secretvolumesgiven 0');
    await place.exec('volumes', 'for v in disk memory host claim sub; do touch /v/$v/new && chown 7:8 /v/$v/new; done');
    assert.deepEqual([statSync(`${folder}/new`).uid, statSync(`${folder}/new`).gid], [7, 8]);
    assert.equal(statSync(`${here}/new`).uid, 7);
    // As user 1000 with the volumes' group.
    const own =
      'id -u; id -g; id -G; for v in disk memory claim sub; do touch /v/$v/by-group && stat -c %u:%g /v/$v/by-group; done';
    assert.equal(await text('grouped', own), `1000 2000 2000 3000${' 1000:3000'.repeat(4)}`);
    assert.equal(await text('grouped', 'stat -L -c %u:%g:%a /v/all/token /v/hidden/key'), '1000:3000:640 0:3000:440');
    assert.match(
      await place.exec('grouped', 'cat /v/hidden/key; touch /v/host/denied 2>&1 || :'),
      /from-secret.*denied/s,
    );
    // What changes in the API changes for such pods too.
    await place.kubectl('patch', 'configmap', 'map', '-p', '{"data":{"key":"changed"}}');
    await eventually('the change', async () => (await place.exec('volumes', 'cat /v/map/key')) === 'changed');
    await place.kubectl('delete', 'pod', 'volumes', 'grouped');
    await place.kubectl('delete', 'pvc', 'disk');
    await place.cluster.kubectl('delete', 'pv', 'own-users-disk');
  });

  test('commands, copies, ports, logs, attaching and debugging go into such pods', async () => {
    await run('talk', {
      containers: [
        { ...container('while read word; do echo "heard $word"; done', { stdin: true }), name: 'listener' },
        { ...container('while :; do echo welcome | nc -l -p 8080; done'), name: 'server' },
        {
          ...container(`id -u; echo to-errors >/dev/stderr; ${forever}`, { securityContext: { runAsUser: 1000 } }),
          name: 'user',
        },
        { ...container(forever, { tty: true, stdin: true }), name: 'terminal' },
      ],
    });
    await place.ready('talk');
    const first = await firstOf('talk', 'server');
    assert.deepEqual((await place.kubectl('logs', 'talk', '-c', 'user')).trim().split('\n').sort(), [
      '1000',
      'to-errors',
    ]);
    const attached = place.cluster.spawnKubectl(['-n', 'own-users', 'attach', '-i', 'talk', '-c', 'listener']);
    await eventually('an answer', () => {
      attached.write('ahoy\n');
      return attached.output().includes('heard ahoy');
    });
    await attached.end();
    const terminal = place.cluster.spawnKubectl(
      ['-n', 'own-users', 'exec', '-it', 'talk', '-c', 'terminal', '--', 'sh'],
      { tty: true },
    );
    terminal.write('tty; stat -c %u $(tty); exit 3\r');
    assert.equal(await terminal.exited, 3);
    assert.match(terminal.output(), /\/dev\/pts\/\d+\r\n0\r\n/);
    mkdirSync(`${folder}/tree`);
    writeFileSync(`${folder}/tree/note`, 'note');
    await place.kubectl('cp', '-c', 'server', `${folder}/tree`, 'talk:/copied');
    assert.equal(await text('talk', 'stat -c %u /copied/note; cat /copied/note', 'server'), '0 note');
    await place.kubectl('cp', '-c', 'server', 'talk:/copied', `${folder}/back`);
    assert.equal(readFileSync(`${folder}/back/note`, 'utf8'), 'note');
    const forward = place.cluster.spawnKubectl(['-n', 'own-users', 'port-forward', 'pod/talk', ':8080']);
    const port = await eventually('a port', () => /127\.0\.0\.1:(\d+)/.exec(forward.output())?.[1]);
    const answer = await eventually('the answer', () =>
      fetchText(Number(port)).then((said) => said.includes('welcome') && said),
    );
    assert.equal(answer, 'welcome\n');
    await forward.end();
    await place.kubectl(
      'debug',
      'talk',
      `--image=${testImage}`,
      '--container=helper',
      '--target=server',
      '--',
      'sh',
      '-c',
      forever,
    );
    await eventually('the helper', async () => (await place.status('talk', 'helper'))?.state?.running);
    assert.equal(await firstOf('talk', 'helper'), first);
    assert.match(await place.exec('talk', 'ps -o args', 'helper'), /nc -l -p 8080/);
  });

  test('probes, hooks, restarts, init containers and last words are as ever', async () => {
    const data = [{ name: 'data', mountPath: '/data' }];
    await run('life', {
      initContainers: [container('id -u >/data/init', { name: 'init', volumeMounts: data })],
      containers: [
        container(
          'n=$(cat /data/n || echo 0); echo $((n + 1)) >/data/n; printf "run $n" >/dev/termination-log; touch /live; trap "exit 4" TERM; while :; do sleep 0.1; done',
          {
            volumeMounts: data,
            livenessProbe: {
              exec: { command: ['test', '-e', '/live'] },
              periodSeconds: 1,
              failureThreshold: 1,
              initialDelaySeconds: 1,
            },
            readinessProbe: { exec: { command: ['sh', '-c', 'test "$(id -u)" = 0'] }, periodSeconds: 1 },
            lifecycle: {
              postStart: { exec: { command: ['sh', '-c', 'echo started >>/data/hooks'] } },
              preStop: { exec: { command: ['sh', '-c', 'echo stopping >>/data/hooks'] } },
            },
          },
        ),
      ],
      volumes: [{ name: 'data', emptyDir: {} }],
    });
    await place.ready('life');
    const first = await firstOf('life');
    await place.exec('life', 'rm /live');
    await eventually('a restart', async () => (await place.status('life'))?.restartCount === 1);
    await place.ready('life');
    assert.equal(await firstOf('life'), first);
    assert.equal(await text('life', 'cat /data/init /data/n /data/hooks'), '0 2 started stopping started');
    const { exitCode, message } = (await place.status('life'))!.lastState!.terminated!;
    assert.deepEqual([exitCode, message], [4, 'run 0']);
  });

  test('capabilities, masks, settings, limits and shared processes stay within the pod', async () => {
    const named = (name: string, script: string, more: object = {}) => ({ ...container(script, more), name });
    await run('walls', {
      shareProcessNamespace: true,
      securityContext: {
        sysctls: [
          { name: 'net.ipv4.ip_local_port_range', value: '20000 30000' },
          { name: 'kernel.shm_rmid_forced', value: '1' },
        ],
      },
      containers: [
        named('plain', forever),
        named('open', forever, { securityContext: { procMount: 'Unmasked' } }),
        named('admin', forever, {
          securityContext: { capabilities: { add: ['SYS_ADMIN'] }, seccompProfile: { type: 'Unconfined' } },
        }),
        named('mighty', forever, { securityContext: { privileged: true } }),
        named('greedy', 'x=$(head -c 1048576 /dev/zero | tr "\\0" x); while true; do x=$x$x; done', {
          resources: { limits: { memory: '24Mi' } },
        }),
      ],
    });
    await eventually('the greedy one to be killed', async () => {
      const { state, lastState } = (await place.status('walls', 'greedy')) ?? {};
      return [state, lastState].some((item) => item?.terminated?.reason === 'OOMKilled');
    });
    for (const name of ['plain', 'open', 'admin', 'mighty'])
      await eventually(`${name} runs`, async () => (await place.status('walls', name))?.state?.running);
    const masks =
      'mount | grep -q " on /proc/" && echo masked || echo open; echo 1 2>/dev/null >/proc/sys/vm/drop_caches || echo refused';
    assert.equal(await text('walls', masks, 'plain'), 'masked refused');
    assert.equal(await text('walls', masks, 'open'), 'open refused');
    assert.equal(
      await text('walls', 'mkdir /in && mount -t tmpfs none /in && unshare -U true && echo able', 'admin'),
      'able',
    );
    // All of them, over what is the pod's alone: not the node's log, nor its devices.
    assert.equal(
      await text(
        'walls',
        'mount -t tmpfs none /tmp 2>/dev/null || mkdir /t && mount -t tmpfs none /t && echo mounted; dmesg >/dev/null 2>&1 || echo refused; ls /dev/loop* /dev/vd* /dev/sd* 2>/dev/null; :',
        'mighty',
      ),
      'mounted refused',
    );
    assert.equal(
      await text('walls', 'cat /proc/sys/net/ipv4/ip_local_port_range /proc/sys/kernel/shm_rmid_forced', 'plain'),
      '20000 30000 1',
    );
    assert.equal(await text('walls', 'stat -c %u /proc/1; ps -o args | grep -c "[t]rap .exit 0"', 'plain'), '65535 4');
  });

  test('a pod that shares more with its node is refused as upstream does', async () => {
    const said = await run('shares', {
      hostNetwork: true,
      hostPID: true,
      hostIPC: true,
      containers: [container(forever)],
    }).catch(String);
    for (const field of ['hostNetwork', 'HostPID', 'HostIPC'])
      assert.match(said, new RegExp(`spec.${field}: Forbidden: when \`pod.Spec.HostUsers\` is false`));
    await run('beyond', { containers: [container(forever, { securityContext: { runAsUser: idsPerPod } })] });
    const waiting = await eventually('the refusal', async () => {
      const told = (await place.status('beyond'))?.state?.waiting;
      return told?.message !== undefined && told;
    });
    assert.equal(waiting.reason, 'CreateContainerError');
    assert.match(waiting.message!, /user or group 65536 is beyond the 65536/);
    await place.kubectl('delete', 'pod', 'beyond');
  });

  test('an agent killed outright finds such pods again, gives nobody else their users, and leaves nothing of them', async () => {
    const onFirst = (more: Partial<PodSpec> = {}) => ({
      nodeName: 'node-1',
      containers: [container(forever)],
      ...more,
    });
    await run('stays', onFirst());
    await place.ready('stays');
    const first = await firstOf('stays');
    const started = (await place.status('stays'))!.state!.running!.startedAt;
    const agent = place.cluster.pidOf('node-1');
    // New pods are under way while it dies.
    const coming = Array.from({ length: 4 }, (_, i) => `coming-${i}`);
    await Promise.all(coming.map((name) => run(name, onFirst())));
    process.kill(agent, 'SIGKILL');
    await eventually('another agent', () => place.cluster.pidOf('node-1') !== agent);
    for (const name of coming) await place.ready(name);
    assert.equal(await firstOf('stays'), first);
    assert.equal((await place.status('stays'))!.state!.running!.startedAt, started);
    const all = await Promise.all(['stays', 'one', 'three', ...coming].map((name) => firstOf(name)));
    assert.equal(new Set(all).size, all.length, all.join(', '));
    const uids = await Promise.all(['stays', ...coming].map(async (name) => (await place.pod(name)).metadata.uid));
    await place.kubectl('delete', 'pod', 'stays', ...coming);
    const { runDir, stateDir } = place.cluster.layout.nodes[0]!;
    await eventually('nothing left', () =>
      uids.every((uid) =>
        [`${runDir}/runtime/pods`, `${stateDir}/runtime/pods`, `${stateDir}/pods`].every(
          (at) => !readdirSync(at).includes(uid),
        ),
      ),
    );
    const table = readFileSync(`/proc/${place.cluster.pidOf('node-1')}/mountinfo`, 'utf8');
    for (const uid of uids) assert.ok(!table.includes(uid), uid);
  });
});

function fetchText(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let said = '';
    socket.on('data', (data) => (said += data.toString()));
    socket.on('close', () => resolve(said));
    socket.on('error', reject);
  });
}
