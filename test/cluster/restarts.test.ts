/** How pods come and go: policies, probes, hooks, graces, and what status, events and tables say of it. */
import assert from 'node:assert/strict';
import type { Endpoints } from '#lib/kinds/gen/core-v1.ts';
import { eventually, testImage } from '../harness/cluster.ts';
import { container, forever, makePlace } from './place.ts';
import type { Place } from './place.ts';

/** A web server of the shell: answers with the status in /answer, and writes down what it was asked for. */
const serve = (port: number) => `cat > /serve <<'END'
read line
echo "$line" >> /asked
while read header && test "$header" != "$(printf '\\r')"; do :; done
printf "HTTP/1.0 $(cat /answer 2>/dev/null || echo 200) X\\r\\n\\r\\n"
END
exec nc -ll -p ${port} -e sh /serve`;

const byText = (a: unknown[], b: unknown[]) => (String(a) < String(b) ? -1 : 1);

suite('restarts, probes and hooks', function () {
  this.timeout(60_000);
  let place: Place;

  suiteSetup(async () => {
    place = await makePlace('restarts');
  });
  suiteTeardown(() => place.remove());

  test('restart policies decide who runs again, and tables say how often', async () => {
    const counted = (code: number) => [
      {
        ...container(`n=$(cat /data/n || echo 0); echo $((n + 1)) > /data/n; test $n -ge 1 || exit ${code}; exit 0`),
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
      },
    ];
    const volumes = [{ name: 'data', emptyDir: {} }];
    await place.run('on-failure', { restartPolicy: 'OnFailure', containers: counted(7), volumes });
    await place.run('always', { containers: [container('exit 0')] });
    await place.run('mixed', {
      restartPolicy: 'Never',
      containers: [
        { ...container('exit 0'), name: 'good' },
        { ...container('exit 5'), name: 'bad' },
        { ...container('sleep 1'), name: 'slow' },
      ],
    });
    await place.run('init-fails', {
      restartPolicy: 'Never',
      initContainers: [
        { ...container('exit 9'), name: 'first' },
        { ...container('exit 0'), name: 'second' },
      ],
      containers: [container(forever)],
    });
    await place.run('init-loops', {
      initContainers: [{ ...container('exit 9'), name: 'first' }],
      containers: [container(forever)],
    });
    await place.run('long-init', {
      initContainers: [
        { ...container('exit 0'), name: 'first' },
        { ...container(forever), name: 'second' },
      ],
      containers: [container(forever)],
    });
    await place.phase('on-failure', 'Succeeded');
    await place.phase('mixed', 'Failed');
    await place.phase('init-fails', 'Failed');
    await eventually('the loops', async () => {
      const table = await place.kubectl('get', 'pods');
      return (
        /always\s+0\/1\s+CrashLoopBackOff\s+1 \(/.test(table) &&
        /init-loops\s+0\/1\s+Init:CrashLoopBackOff\s+1 \(/.test(table)
      );
    });
    const table = await place.kubectl('get', 'pods');
    assert.match(table, /on-failure\s+0\/1\s+Completed\s+1 \(\d+s ago\)/);
    assert.match(table, /mixed\s+0\/3\s+Error\s+0\s/);
    assert.match(table, /init-fails\s+0\/1\s+Init:Error\s+0\s/);
    assert.match(table, /long-init\s+0\/1\s+Init:1\/2\s+0\s/);
    assert.deepEqual((await place.status('init-fails', 'app'))?.state, { waiting: { reason: 'PodInitializing' } });
    assert.deepEqual((await place.status('long-init', 'app'))?.state, { waiting: { reason: 'PodInitializing' } });
    const { conditions = [] } = (await place.pod('long-init')).status!;
    assert.deepEqual(
      conditions.map(({ type, status, reason, message }) => [type, status, reason, message]).sort(byText),
      [
        ['ContainersReady', 'False', 'ContainersNotReady', 'containers with unready status: [app]'],
        ['Initialized', 'False', 'ContainersNotInitialized', 'containers with incomplete status: [second]'],
        ['PodReadyToStartContainers', 'True', undefined, undefined],
        ['PodScheduled', 'True', undefined, undefined],
        ['Ready', 'False', 'ContainersNotReady', 'containers with unready status: [app]'],
      ],
    );
  });

  test('liveness by command, HTTP, TCP and gRPC starts containers anew, and says why', async () => {
    const often = { periodSeconds: 1, failureThreshold: 1 };
    const living = (name: string, script: string, livenessProbe: object) => ({
      ...container(script, { livenessProbe: { ...often, ...livenessProbe } }),
      name,
    });
    const containers = [
      living('cmd', forever, { exec: { command: ['sh', '-c', 'echo poorly; exit 1'] } }),
      {
        ...living('http', `echo 500 > /answer; ${serve(8001)}`, {
          httpGet: { path: '/health', port: 'web' },
          initialDelaySeconds: 1,
        }),
        ports: [{ name: 'web', containerPort: 8001 }],
      },
      living('tcp', forever, { tcpSocket: { port: 8002 } }),
      living('grpc', forever, { grpc: { port: 8003 } }),
      living('slow', forever, { exec: { command: ['sleep', '20'] }, timeoutSeconds: 1 }),
      living('well', `echo 200 > /answer; ${serve(8004)}`, {
        httpGet: { path: '/health', port: 8004, httpHeaders: [{ name: 'X-A', value: 'b' }] },
        initialDelaySeconds: 1,
      }),
    ];
    // A pod each: none may cause too many events at once.
    await Promise.all(containers.map((item) => place.run(item.name, { containers: [item] })));
    const ill = ['cmd', 'http', 'tcp', 'grpc', 'slow'];
    const ips: Record<string, string | undefined> = {};
    await eventually('restarts', async () => {
      for (const name of ill) {
        const { status } = await place.pod(name);
        ips[name] = status?.podIP;
        if ((status?.containerStatuses?.[0]?.restartCount ?? 0) === 0) return false;
      }
      return true;
    });
    assert.equal((await place.status('well'))?.restartCount, 0);
    const expected = [
      'Unhealthy: Liveness probe failed: poorly\n',
      'Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 500',
      `Unhealthy: Liveness probe failed: dial tcp ${ips['tcp']}:8002: connect: connection refused`,
      `Unhealthy: Liveness probe failed: timeout: failed to connect service "${ips['grpc']}:8003" within 1s: context deadline exceeded`,
      'Unhealthy: Liveness probe failed: command timed out: "sleep 20" timed out after 1s',
      ...ill.map((name) => `Killing: Container ${name} failed liveness probe, will be restarted`),
    ];
    await eventually(
      'the events',
      async () => {
        const events = (await Promise.all(ill.map((name) => place.events(name)))).flat();
        assert.deepEqual(
          expected.filter((line) => !events.includes(line)),
          [],
          events.join('\n'),
        );
        return true;
      },
      5000,
    );
    assert.equal(await place.exec('well', 'head -n 1 /asked'), 'GET /health HTTP/1.1\r\n');
  });

  test('readiness opens and shuts the door of a Service, and a startup probe holds the others back', async () => {
    const check = (file: string, more = {}) => ({
      exec: { command: ['test', '-e', file] },
      periodSeconds: 1,
      failureThreshold: 1,
      ...more,
    });
    await place.cluster.apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'door', namespace: 'restarts' },
      spec: { selector: { app: 'guard' }, ports: [{ port: 80 }] },
    });
    await place.run('guard', {
      containers: [
        container(forever, {
          startupProbe: check('/started', { failureThreshold: 100 }),
          readinessProbe: check('/ready'),
          livenessProbe: check('/alive'),
        }),
      ],
    });
    const addresses = async () => {
      const { subsets = [] } = await place.cluster.get<Endpoints>('endpoints', 'door', '-n', 'restarts');
      return [
        subsets.flatMap((set) => set.addresses ?? []).length,
        subsets.flatMap((set) => set.notReadyAddresses ?? []).length,
      ].join();
    };
    await place.phase('guard', 'Running');
    // Liveness would have killed it by now, were it not for the startup probe.
    await eventually('a failed start', async () =>
      (await place.events('guard')).some((line) => line.startsWith('Unhealthy: Startup probe failed')),
    );
    await eventually('known, not ready', async () => (await addresses()) === '0,1');
    const { started, ready, restartCount } = (await place.status('guard'))!;
    assert.deepEqual({ started, ready, restartCount }, { started: false, ready: false, restartCount: 0 });
    await place.exec('guard', 'touch /alive /ready /started');
    await eventually('open', async () => (await addresses()) === '1,0');
    await place.exec('guard', 'rm /ready');
    await eventually('shut', async () => (await addresses()) === '0,1');
    assert.match(await place.kubectl('get', 'pod', 'guard'), /guard\s+0\/1\s+Running\s+0/);
    await place.exec('guard', 'touch /ready');
    await eventually('open again', async () => (await addresses()) === '1,0');
    assert.equal((await place.status('guard'))?.restartCount, 0);
  });

  test('hooks by HTTP and sleep run, one that fails costs the container its life', async () => {
    await place.run('http-hook', {
      containers: [
        { ...container(`echo 200 > /answer; ${serve(8080)}`), name: 'server' },
        container(forever, { lifecycle: { postStart: { httpGet: { path: '/begun', port: 8080, host: '' } } } }),
      ],
    });
    await place.run('bad-hook', {
      containers: [
        container(forever, { lifecycle: { postStart: { exec: { command: ['sh', '-c', 'echo no; exit 3'] } } } }),
      ],
    });
    await place.run('sleeps', {
      terminationGracePeriodSeconds: 120,
      containers: [container(forever, { lifecycle: { preStop: { sleep: { seconds: 2 } } } })],
    });
    await place.run('stubborn', {
      terminationGracePeriodSeconds: 2,
      containers: [container('trap "echo heard" TERM; while true; do sleep 0.1; done')],
    });
    await place.ready('sleeps');
    await place.ready('stubborn');
    const timed = async (name: string) => {
      const from = performance.now();
      await place.kubectl('delete', 'pod', name);
      return (performance.now() - from) / 1000;
    };
    const follower = place.cluster.spawnKubectl(['-n', 'restarts', 'logs', '-f', 'stubborn']);
    const [sleeps, stubborn] = await Promise.all([timed('sleeps'), timed('stubborn')]);
    // The hook's sleep, and not the grace, is what the end waits for; on however slow a machine.
    assert.ok(sleeps >= 2 && sleeps < 120, `slept ${sleeps} s`);
    assert.ok(stubborn >= 2, `stubborn for ${stubborn} s`);
    await follower.exited;
    assert.match(follower.output(), /heard/);
    await eventually('the hook', async () =>
      /GET \/begun HTTP/.test(await place.exec('http-hook', 'cat /asked', 'server')),
    );
    await eventually('its end', async () => ((await place.status('bad-hook'))?.restartCount ?? 0) > 0);
    await eventually('its events', async () => {
      const events = await place.events('bad-hook');
      return (
        events.includes('FailedPostStartHook: PostStartHook failed') && events.includes('Killing: FailedPostStartHook')
      );
    });
  });

  test('sidecars outlive the containers they serve, last to first, and hooks run at once', async () => {
    const volumeMounts = [{ name: 'data', mountPath: '/data' }];
    const ending = (name: string, words: string, more = {}) => ({
      ...container(`trap '${words}; exit 0' TERM; while true; do sleep 0.1; done`, { volumeMounts, ...more }),
      name,
    });
    const until = (word: string) => `until grep -qs ${word} /data/ends; do sleep 0.1; done`;
    const say = (word: string) => `echo ${word} >> /data/ends`;
    await place.run('convoy', {
      terminationGracePeriodSeconds: 60,
      initContainers: [
        {
          ...ending('first', say('first'), {
            lifecycle: { preStop: { exec: { command: ['sh', '-c', say('hook')] } } },
          }),
          restartPolicy: 'Always',
        },
        { ...ending('second', say('second')), restartPolicy: 'Always' },
      ],
      // The hook of a sidecar is what the first of them waits for, and the first what the other does.
      containers: [
        ending('main', `${until('hook')}; ${say('main')}`),
        {
          ...container(
            `echo begins; trap '${until('main')}; cat /data/ends; exit 0' TERM; while true; do sleep 0.1; done`,
            {
              volumeMounts,
            },
          ),
          name: 'log',
        },
      ],
      volumes: [{ name: 'data', emptyDir: {} }],
    });
    await place.ready('convoy');
    const follower = place.cluster.spawnKubectl(['-n', 'restarts', 'logs', '-f', 'convoy', '-c', 'log']);
    await eventually('the log is followed', () => follower.output().includes('begins'));
    await place.kubectl('delete', 'pod', 'convoy', '--wait=false');
    await follower.exited;
    assert.equal(follower.output(), 'begins\nhook\nmain\n');
  });

  test('names that cannot be pulled or run show why they wait', async () => {
    const wrong = (name: string, more: object) => ({ ...container(forever), ...more, name });
    await place.run('wrong', {
      containers: [
        wrong('bad-name', { image: 'wherry/UPPER:x' }),
        wrong('never', { image: 'wherry.local/none:1', imagePullPolicy: 'Never' }),
        wrong('refused', { image: '127.0.0.1:1/none:1' }),
        wrong('no-program', { command: ['/no/such/program'] }),
        wrong('no-folder', { command: ['/bin'] }),
      ],
    });
    const states = await eventually('all states', async () => {
      const all = (await place.pod('wrong')).status?.containerStatuses ?? [];
      const known = Object.fromEntries(all.map((item) => [item.name, item]));
      return (
        known['refused']?.state?.waiting?.reason === 'ImagePullBackOff' &&
        known['no-program']?.state?.waiting?.reason === 'CrashLoopBackOff' &&
        known
      );
    });
    const waiting = (name: string) => [states[name]?.state?.waiting?.reason, states[name]?.state?.waiting?.message];
    assert.deepEqual(waiting('bad-name'), [
      'InvalidImageName',
      'Failed to apply default image tag "wherry/UPPER:x": couldn\'t parse image name "wherry/UPPER:x": invalid reference format: repository name (wherry/UPPER) must be lowercase',
    ]);
    assert.deepEqual(waiting('never'), [
      'ErrImageNeverPull',
      'Container image "wherry.local/none:1" is not present with pull policy of Never',
    ]);
    assert.match(
      String(waiting('refused')[1]),
      /^Back-off pulling image "127.0.0.1:1\/none:1": ErrImagePull: .*refused/,
    );
    const last = states['no-program']?.lastState?.terminated;
    assert.deepEqual([last?.reason, last?.exitCode, last?.startedAt], ['StartError', 128, '1970-01-01T00:00:00Z']);
    assert.match(
      last?.message ?? '',
      /exec: "\/no\/such\/program": stat \/no\/such\/program: no such file or directory/,
    );
    const expected = [
      'Failed: Error: InvalidImageName',
      'Failed: Error: ErrImageNeverPull',
      'ErrImageNeverPull: Container image "wherry.local/none:1" is not present with pull policy of Never',
      'Failed: Error: ErrImagePull',
      'Failed: Error: ImagePullBackOff',
      'BackOff: Back-off pulling image "127.0.0.1:1/none:1"',
      'Pulling: Pulling image "127.0.0.1:1/none:1"',
      `Pulled: Container image "${testImage}" already present on machine`,
      'Created: Created container: no-program',
    ];
    await eventually(
      'the events',
      async () => {
        const events = await place.events('wrong');
        assert.deepEqual(
          expected.filter((line) => !events.includes(line)),
          [],
          events.join('\n'),
        );
        return true;
      },
      5000,
    );
    const table = await place.kubectl('describe', 'pod', 'wrong');
    assert.match(table, /Reason:\s+ImagePullBackOff/);
    assert.match(table, /Last State:\s+Terminated\n\s+Reason:\s+StartError\n\s+Message:.*\n\s+Exit Code:\s+128/);
  });
});
