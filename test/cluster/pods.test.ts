/** What a node does for pods, seen through the API: volumes, probes, hooks, init containers, restarts, ends. */
import assert from 'node:assert/strict';
import type { ContainerStatus, Pod, PodSpec } from '#lib/kinds/gen/core-v1.ts';
import { eventually, testImage } from '../harness/cluster.ts';
import type { TestCluster } from '../harness/cluster.ts';
import { sharedCluster } from './shared.ts';
import { testSinceKubectl } from '../harness/kubectl.ts';

const namespace = 'pods';
const forever = 'trap "exit 0" TERM; while true; do sleep 0.1; done';

suite('pods on a node', function () {
  this.timeout(60_000);
  let cluster: TestCluster;
  const kubectl = (...args: string[]) => cluster.kubectl('-n', namespace, ...args);
  const pod = (name: string) => cluster.get<Pod>('pod', name, '-n', namespace);
  const first = async (name: string): Promise<ContainerStatus | undefined> =>
    (await pod(name)).status?.containerStatuses?.[0];
  const exec = (name: string, script: string) => kubectl('exec', name, '--', 'sh', '-c', script);
  const phase = (name: string, wanted: string) =>
    eventually(`${name} is ${wanted}`, async () => (await pod(name)).status?.phase === wanted);
  const container = (script: string, more: object = {}) => ({
    name: 'app',
    image: testImage,
    command: ['sh', '-c', script],
    ...more,
  });
  const run = (name: string, spec: Partial<PodSpec>) =>
    cluster.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, labels: { app: name } },
      spec: { terminationGracePeriodSeconds: 1, ...spec },
    });

  suiteSetup(async function () {
    this.timeout(120_000);
    cluster = await sharedCluster();
    await cluster.kubectl('create', 'namespace', namespace);
    await eventually('the default account', () => kubectl('get', 'serviceaccount', 'default'));
  });
  suiteTeardown(() => cluster.kubectl('delete', 'namespace', namespace, '--wait=true'));

  test('volumes show what the API holds, follow its changes, and keep secrets in memory', async () => {
    await kubectl('create', 'configmap', 'settings', '--from-literal=key=before');
    await kubectl('create', 'secret', 'generic', 'hidden', '--from-literal=word=hush');
    const volumeMounts = [
      { name: 'settings', mountPath: '/settings' },
      { name: 'settings', mountPath: '/one', subPath: 'key' },
      { name: 'hidden', mountPath: '/hidden' },
      { name: 'about', mountPath: '/about' },
      { name: 'memory', mountPath: '/memory' },
    ];
    await run('shows', {
      securityContext: { fsGroup: 4242 },
      containers: [container(forever, { volumeMounts })],
      volumes: [
        { name: 'settings', configMap: { name: 'settings' } },
        { name: 'hidden', secret: { secretName: 'hidden', defaultMode: 0o400 } },
        { name: 'about', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
        { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
      ],
    });
    await phase('shows', 'Running');
    assert.equal(await exec('shows', 'cat /settings/key /one /hidden/word'), 'beforebeforehush');
    assert.equal(await exec('shows', 'cat /about/labels'), 'app="shows"');
    assert.match(await exec('shows', 'stat -Lc "%a %g" /hidden/word'), /^440 4242\n/);
    assert.match(
      await exec('shows', 'mount | grep -E " /(hidden|memory) "'),
      /tmpfs on \/hidden .*\(ro[\s\S]*\/memory/,
    );
    await assert.rejects(exec('shows', 'touch /settings/x'), /Read-only file system/);
    await assert.rejects(exec('shows', 'dd if=/dev/zero of=/memory/x bs=1M count=2'), /No space left/);
    await kubectl('patch', 'configmap', 'settings', '-p', '{"data":{"key":"after"}}');
    await kubectl('label', 'pod', 'shows', 'more=yes');
    await eventually('the change', async () => (await exec('shows', 'cat /settings/key')) === 'after');
    await eventually('the label', async () => (await exec('shows', 'cat /about/labels')).includes('more="yes"'));
    assert.equal(await exec('shows', 'cat /one'), 'before');
  });

  testSinceKubectl(27, 'a service account token opens the API from within the pod’s namespace alone', async () => {
    await run('token', { containers: [container(forever)] });
    await phase('token', 'Running');
    const folder = '/var/run/secrets/kubernetes.io/serviceaccount';
    assert.equal(await exec('token', `cat ${folder}/namespace`), namespace);
    const token = await exec('token', `cat ${folder}/token`);
    const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>;
    assert.equal(claims['sub'], `system:serviceaccount:${namespace}:default`);
    const who = await cluster.kubectlAs(token, 'auth', 'whoami', '-o', 'json');
    assert.match(who, new RegExp(`system:serviceaccount:${namespace}:default`));
  });

  test('init containers run in turn, a sidecar beside them, and both before the rest', async () => {
    const say = (name: string, script: string, more = {}) => ({
      ...container(`echo ${name} >> /data/order; ${script}`, { volumeMounts: [{ name: 'data', mountPath: '/data' }] }),
      name,
      ...more,
    });
    await run('inits', {
      initContainers: [
        say('one', 'exit 0'),
        say('beside', forever, {
          restartPolicy: 'Always',
          startupProbe: { exec: { command: ['true'] }, periodSeconds: 1 },
        }),
        say('two', 'sleep 0.2'),
      ],
      containers: [say('main', forever)],
      volumes: [{ name: 'data', emptyDir: {} }],
    });
    await phase('inits', 'Running');
    assert.equal(await kubectl('exec', 'inits', '-c', 'main', '--', 'cat', '/data/order'), 'one\nbeside\ntwo\nmain\n');
    const { status } = await pod('inits');
    assert.deepEqual(
      status?.initContainerStatuses?.map(({ name, ready, started }) => [name, ready, started]),
      [
        ['one', true, false],
        ['beside', true, true],
        ['two', true, false],
      ],
    );
  });

  test('a failing container is started again, later and later, and says why', async () => {
    await run('crash', {
      containers: [container('echo broken; exit 3', { terminationMessagePolicy: 'FallbackToLogsOnError' })],
    });
    const status = await eventually('the loop', async () => {
      const now = await first('crash');
      return now?.state?.waiting?.reason === 'CrashLoopBackOff' && now;
    });
    assert.match(
      status.state?.waiting?.message ?? '',
      /^back-off 10s restarting failed container=app pod=crash_pods\(/,
    );
    assert.equal(status.restartCount, 1);
    assert.deepEqual([status.lastState?.terminated?.exitCode, status.lastState?.terminated?.message], [3, 'broken\n']);
    assert.equal(await kubectl('logs', 'crash', '--previous'), 'broken\n');
    assert.match(await kubectl('get', 'events'), /Back-off restarting failed container app in pod crash_pods/);
  });

  test('a pod that never restarts ends as its containers do', async () => {
    await run('fine', { restartPolicy: 'Never', containers: [container('printf bye > /dev/termination-log')] });
    await run('sorry', { restartPolicy: 'Never', containers: [container('exit 4')] });
    await run('nothing', { restartPolicy: 'Never', containers: [{ ...container(''), command: ['nothing'] }] });
    await phase('fine', 'Succeeded');
    await phase('sorry', 'Failed');
    await phase('nothing', 'Failed');
    const ends = await Promise.all(
      ['fine', 'sorry', 'nothing'].map(async (name) => (await first(name))?.state?.terminated),
    );
    assert.deepEqual(
      ends.map((end) => [end?.reason, end?.exitCode]),
      [
        ['Completed', 0],
        ['Error', 4],
        ['StartError', 128],
      ],
    );
    assert.equal(ends[0]?.message, 'bye');
    assert.match(ends[2]?.message ?? '', /exec: "nothing": executable file not found in \$PATH/);
  });

  test('probes decide on readiness and on life', async () => {
    const check = (file: string) => ({
      exec: { command: ['test', '-e', file] },
      periodSeconds: 1,
      failureThreshold: 1,
      timeoutSeconds: 30,
    });
    await run('probed', {
      containers: [
        container(`touch /alive /ready; ${forever}`, {
          readinessProbe: check('/ready'),
          livenessProbe: check('/alive'),
        }),
      ],
    });
    await eventually('ready', async () => (await first('probed'))?.ready);
    await exec('probed', 'rm /ready');
    await eventually('not ready', async () => (await first('probed'))?.ready === false);
    await exec('probed', 'rm /alive');
    await eventually('restarted and ready', async () => {
      const now = await first('probed');
      return now?.restartCount === 1 && now.ready;
    });
    assert.match(await kubectl('get', 'events'), /Container app failed liveness probe, will be restarted/);
  });

  test('hooks run before a container counts as running, and before it is asked to stop', async () => {
    const hook = (word: string) => ({ exec: { command: ['sh', '-c', `echo ${word} >> /log/words`] } });
    const volumes = [{ name: 'log', emptyDir: {} }];
    const volumeMounts = [{ name: 'log', mountPath: '/log' }];
    const polite = 'trap "echo asked >> /log/words; exit 0" TERM; while true; do sleep 0.1; done';
    await run('hooked', {
      terminationGracePeriodSeconds: 20,
      containers: [
        container(polite, { volumeMounts, lifecycle: { postStart: hook('begun'), preStop: hook('leaving') } }),
        { ...container('tail -f /log/words', { volumeMounts }), name: 'reader' },
      ],
      volumes,
    });
    await phase('hooked', 'Running');
    const follower = cluster.spawnKubectl(['-n', namespace, 'logs', '-f', 'hooked', '-c', 'reader']);
    await eventually('the first word', () => follower.output().includes('begun'));
    const deletion = kubectl('delete', 'pod', 'hooked', '--grace-period=3');
    await eventually('the last words', () => /leaving[\s\S]*asked/.test(follower.output()));
    await deletion;
    await follower.exited;
  });

  test('a container waits for what it names, and starts when that appears', async () => {
    const env = [{ name: 'WORD', valueFrom: { configMapKeyRef: { name: 'late', key: 'word' } } }];
    await run('waits', { containers: [container(`echo $WORD; ${forever}`, { env })] });
    const waiting = await eventually('the reason', async () => {
      const why = (await first('waits'))?.state?.waiting;
      return why?.message !== undefined && why;
    });
    assert.deepEqual(waiting, {
      reason: 'CreateContainerConfigError',
      message: 'configmap "late" not found',
    });
    await kubectl('create', 'configmap', 'late', '--from-literal=word=there');
    await phase('waits', 'Running');
    await eventually('the word', async () => (await kubectl('logs', 'waits')) === 'there\n');
  });

  test('a pod past its deadline is stopped and fails', async () => {
    await run('late', { activeDeadlineSeconds: 2, containers: [container(forever)] });
    await phase('late', 'Failed');
    assert.equal((await pod('late')).status?.reason, 'DeadlineExceeded');
  });

  testSinceKubectl(27, 'a debugging container joins a running pod', async () => {
    await run('patient', { containers: [container(forever)] });
    await phase('patient', 'Running');
    await kubectl(
      'debug',
      'patient',
      `--image=${testImage}`,
      '-c',
      'doctor',
      '--profile=general',
      '--',
      'echo',
      'healthy',
    );
    await eventually('its word', async () => (await kubectl('logs', 'patient', '-c', 'doctor')) === 'healthy\n');
  });
});
